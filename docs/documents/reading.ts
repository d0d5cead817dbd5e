/** Documents of commands that only read. */
import { z } from "zod";
import { ReportSchema } from "../../src/monitor/report.ts";
import { TestReportSchema } from "../../src/operations/lua-tests/report.ts";
import { ValidationReportSchema } from "../../src/operations/validate/report.ts";
import {
  byName,
  count,
  failures,
  isoTime,
  object,
  Problem,
  plan,
  processId,
  sourceHash,
  Traffic,
  text,
  warnings,
} from "./parts.ts";

const StatusRow = object({
  name: text,
  of: text.optional(),
  processId,
  health: text.describe(
    "HEALTHY, DEGRADED, UNHEALTHY, OFFLINE, RETIRED, DRAINING, UNKNOWN; with --quick also ACTIVE, …",
  ),
  code: text.optional(),
  lastKnown: object({ health: text, at: isoTime }).optional(),
  version: text,
  sourceHash,
  generation: count,
  epoch: count.nullable(),
  release: text,
  responseMs: z.number().nullable(),
  lastTickAt: isoTime.optional(),
  published: object({ slot: count.nullable(), at: isoTime }).optional(),
  drains: z.literal(true).optional(),
  sealed: object({
    salt: text,
    ranges: z.array(object({ from: count, to: count, since: isoTime.optional() })),
  }).optional(),
  replacedBy: text.optional(),
  explorer: text.nullable().optional(),
  node: text.nullable().optional(),
  reasons: z.array(text),
});

const HistoryEntry = object({
  number: count.optional().describe("for fleet rollback --to; only releases have one"),
  deploymentId: text.optional(),
  at: isoTime,
  kind: z.enum(["deploy", "rollback", "destroy"]),
  result: z.enum(["succeeded", "failed", "held", "running", "interrupted", "rolled-back"]),
  who: text,
  git: text.optional(),
  message: text.optional(),
  strategy: text.optional(),
  changed: z.array(text),
  to: text.optional(),
  approvedBy: text.optional(),
  reason: text.optional(),
  current: z.boolean(),
});

const Message = {
  slot: count,
  messageId: text,
  timestamp: z.number().describe("milliseconds since 1970, the scheduler's time"),
  from: text,
  claims: text.optional().describe("a sender that it names without proof"),
  sentTo: text.optional(),
  action: text,
  repeats: count.optional(),
};
const Searched = { searched: count, unread: count };

/** Command → what it prints on success, and with exit code 1 if `success` is false there. */
export const reading = {
  operators: object({
    success: z.boolean(),
    stack: text,
    operators: z.array(
      object({
        address: text,
        member: text.optional().describe("the member whose process it is; absent for a wallet"),
        you: z.boolean(),
        owns: z.array(text),
        deploys: z.array(text),
      }),
    ),
    acts: z
      .array(
        object({
          at: isoTime,
          address: text,
          operator: text.optional(),
          kind: text,
          deploymentId: text.optional(),
          status: text.optional(),
        }),
      )
      .nullable()
      .describe("newest first; null without a ledger"),
    unread: z.array(object({ process: text, code: text })).describe("processes whose owner is unknown"),
  }),
  test: TestReportSchema,
  status: object({
    success: z.boolean(),
    stack: text,
    processes: z.array(StatusRow),
    traffic: Traffic.optional(),
    trafficUnread: Problem.optional(),
  }),
  preview: object({
    success: z.boolean(),
    stack: text,
    status: z.enum(["succeeded", "failed", "locked", "timeout", "interrupted"]),
    ...plan,
    warnings,
    failures,
    code: z.array(
      object({
        member: text,
        before: object({ version: text, sourceHash }).optional(),
        after: object({ version: text, sourceHash, bytes: count }),
        newProcess: z.boolean(),
        modules: z.array(object({ name: text, change: z.enum(["added", "changed", "removed"]) })),
      }),
    ),
    settings: z.array(
      object({
        member: text,
        configType: text,
        fields: z.array(object({ field: text, before: text.optional(), after: text.optional() })),
      }),
    ),
    cost: object({ spawns: count, loads: count, bytes: count, settings: count, wirings: count }),
  }),
  validate: ValidationReportSchema,
  statistics: object({
    success: z.boolean(),
    stack: text,
    processes: z.array(
      object({
        name: text,
        processId,
        statistics: z.looseObject({ messages: count, errors: count }).optional(),
        error: Problem.optional(),
      }),
    ),
  }),
  monitor: ReportSchema,
  history: object({
    success: z.literal(true),
    stack: text,
    entries: z.array(HistoryEntry),
    ledger: text.describe("read, none, or why it was not read"),
  }),
  discover: object({
    success: z.literal(true),
    count,
    processes: z.array(z.looseObject({ name: text, processId })),
  }),
  logs: object({
    success: z.boolean(),
    process: text,
    processId,
    searched: count.optional(),
    unread: count.optional(),
    messages: z.array(z.looseObject(Message)),
  }),
  query: object({
    success: z.boolean(),
    process: text,
    processId,
    looked: object({ from: count, to: count }).nullable(),
    ...Searched,
    messages: z.array(
      object({
        ...Message,
        direction: z.enum(["received", "sent"]),
        at: isoTime,
        to: text,
        status: z.enum(["ok", "error", "none"]),
        correlation: text,
        tags: byName(text),
        data: text,
        error: text.optional(),
      }),
    ),
  }),
  trace: object({
    success: z.boolean(),
    id: text,
    ...Searched,
    hops: z.array(
      object({
        ...Message,
        process: text,
        processId,
        afterMs: z.number(),
        correlation: text,
        depth: count,
        status: z.enum(["ok", "error", "none"]),
        error: text.optional(),
        sent: z.array(object({ action: text, to: text, correlation: text })),
      }),
    ),
  }),
  audit: object({
    success: z.boolean(),
    stack: text,
    runs: z.array(z.looseObject({ deploymentId: text, status: text })).nullable(),
    findings: z.array(
      object({ level: z.enum(["ok", "note", "problem"]), code: text, about: text, what: text }),
    ),
  }),
  doctor: object({
    success: z.boolean(),
    findings: z.array(
      object({
        name: text,
        ok: z.boolean(),
        version: text.optional(),
        code: text.optional(),
        detail: text,
        remedy: text.optional(),
      }),
    ),
  }),
  env: byName(text.nullable()).describe("environment variable → value; null for one to unset"),
} as const;
