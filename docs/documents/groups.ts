/** Documents of `fleet config …`, `fleet alerts …` and `fleet localnet …`. */
import { z } from "zod";
import { byName, count, isoTime, object, text } from "./parts.ts";

const done = { success: z.literal(true) };
const ofStack = { ...done, stack: text };

const author = { by: text.optional(), requestedBy: text.optional(), at: z.number().optional() };

const Sent = z.union([
  object({
    ...done,
    stack: text,
    sent: z.array(object({ member: text, configType: text, version: z.number(), hash: text })),
  }),
  // Declined.
  object({ ...done, sent: z.array(z.never()).max(0) }),
]);

const Alert = object({
  alertId: text,
  type: text,
  source: text,
  message: text,
  level: text,
  state: text,
  count,
  raisedAt: isoTime,
  lastAt: isoTime,
  escalatedAt: z.number(),
  notifiedAt: z.number().optional(),
  acknowledgedAt: isoTime.optional(),
  acknowledgedBy: text.optional(),
  resolvedAt: isoTime.optional(),
  resolvedBy: text.optional(),
});
const Changed = object({ ...done, alerts: z.array(Alert) });
const Network = object({
  pid: count,
  dir: text,
  gatewayUrl: text,
  graphqlUrl: text,
  muUrl: text,
  cuUrl: text,
  suUrl: text,
  nodeUrl: text,
  scheduler: text,
  authority: text,
  nodeAddress: text,
  modules: byName(text),
  startedAt: isoTime,
});
const LocalNetwork = object({ success: z.boolean(), running: z.boolean(), network: Network.optional() });

/** Command → what it prints, besides an error. */
export const groups = {
  "config show": object({
    ...ofStack,
    members: byName(byName(z.looseObject({}))).describe("member → config type → what the process holds"),
  }),
  "config history": object({
    ...ofStack,
    versions: z.array(
      z.looseObject({ member: text, configType: text, version: z.union([z.number(), text]) }),
    ),
  }),
  "config diff": object({
    ...ofStack,
    differences: z.array(
      object({ member: text, configType: text, before: text, after: text, fields: z.array(text), ...author }),
    ),
  }),
  "config explain": object({
    ...ofStack,
    plannedAt: isoTime,
    settings: z.array(z.looseObject({ member: text, configType: text, setting: text, from: text })),
  }),
  "config export": z.union([
    object({ ...ofStack, file: text, count }),
    object({
      format: z.literal("ao-fleet config 1"),
      project: text,
      stack: text,
      exportedAt: isoTime,
      members: byName(byName(z.looseObject({ configData: byName(z.unknown()), hash: text }))),
      hash: text,
    }),
  ]),
  "config import": Sent,
  "config rollback": Sent,
  "alerts list": object({
    ...done,
    alerts: z.array(Alert),
    counts: byName(count),
    silences: z.array(object({ type: text, source: text.optional(), until: isoTime })),
    lastRound: isoTime.nullable(),
  }),
  "alerts acknowledge": Changed,
  "alerts resolve": Changed,
  "alerts silence": object({ ...done, type: text, source: text.optional(), until: isoTime }),
  "alerts unsilence": object({ ...done, type: text, source: text.optional() }),
  "alerts rules": object({
    ...done,
    file: text.nullable(),
    rules: z.array(object({ type: text, level: text, on: z.boolean() })),
    limits: z.looseObject({}),
    receivers: z.array(object({ name: text, kind: text, minLevel: text.optional() })),
  }),
  "alerts test": object({
    success: z.boolean(),
    receivers: z.array(object({ receiver: text, ok: z.boolean(), reason: text.optional() })),
  }),
  "localnet start": LocalNetwork,
  "localnet status": LocalNetwork,
  "localnet stop": object({ ...done, stopped: z.boolean() }),
  "localnet reset": object({ ...done, dir: text }),
  "localnet logs": object({ ...done, lines: z.array(text) }),
} as const;
