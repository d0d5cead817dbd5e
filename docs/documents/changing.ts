/** Documents of commands that change a fleet, the network or files. */
import { z } from "zod";
import { RollbackReportSchema } from "../../src/operations/rollback/report.ts";
import {
  byName,
  count,
  Declined,
  Failed,
  failures,
  isoTime,
  object,
  Problem,
  plan,
  processId,
  run,
  Snapshot,
  sourceHash,
  Traffic,
  text,
  warnings,
} from "./parts.ts";

const done = { success: z.literal(true) };

/** A preview: of `fleet deploy --dry-run`, and of a deployment that has nothing to do. */
const Plan = object({
  success: z.boolean(),
  stack: text,
  status: z.enum(["succeeded", "failed", "locked", "timeout", "interrupted"]),
  dryRun: z.literal(true),
  ...plan,
  warnings,
  failures,
});

/** A preview of another command that failed. */
const PlanFailed = object({ success: z.literal(false), status: text, stack: text, failures });

const adoption = {
  adopted: byName(z.looseObject({ processId, generation: count })).describe(
    "member → the process that it adopts",
  ),
  missing: z.array(object({ name: text, why: text })),
};

const Unsaved = object({ name: text, code: text, text });
const MovedPlace = object({
  stack: text,
  network: object({ kind: text, protocol: text, units: byName(text) }),
});
const carried = {
  from: processId,
  to: processId,
  digest: text.optional(),
  slot: count.optional(),
  states: z.array(text).optional(),
  globals: z.array(text).optional(),
};
const moved = {
  ...done,
  movedAt: isoTime.nullable(),
  from: MovedPlace,
  to: MovedPlace,
  retired: z.boolean(),
  processes: byName(object({ ...carried, state: z.enum(["equal", "empty", "own"]) })),
};
const OwnedProcess = z.looseObject({ name: text, processId });
const Rollout = object({
  ...done,
  command: text,
  release: text,
  step: z.number().int(),
  mode: text,
  traffic: Traffic.nullable(),
  trafficUnread: Problem.optional(),
});

/** Command → what it prints, besides an error. */
export const changing = {
  deploy: z.union([object({ ...run, rollback: z.looseObject({}).optional() }), Plan, Declined]),
  adopt: z.union([
    object({ ...done, stack: text, dryRun: z.boolean(), ...adoption }),
    object({ ...run, ...adoption }),
    PlanFailed,
    Declined,
  ]),
  rollback: z.union([
    RollbackReportSchema.extend({ success: z.boolean() }),
    object({
      ...done,
      dryRun: z.literal(true),
      to: text,
      ways: z.array(z.looseObject({ name: text, kind: text })).describe("what happens to each member"),
      unsaved: z.array(Unsaved),
      ...plan,
    }),
    object({ success: z.literal(false), status: text, dryRun: z.boolean(), failures }),
    object({
      ...Failed.shape,
      unsaved: z.array(Unsaved).optional(),
      diverged: z.array(z.looseObject({})).optional(),
    }),
    object({ ...done, stack: text, cleared: text.nullable() }),
    Declined,
  ]),
  promote: Rollout,
  pause: Rollout,
  resume: Rollout,
  abort: Rollout,
  backup: object({
    success: z.boolean(),
    stack: text,
    snapshots: z.array(Snapshot),
    failed: z.array(object({ member: text, code: text, what: text })),
  }),
  restore: z.union([
    object({
      ...done,
      stack: text,
      restored: z.array(
        object({
          member: text,
          digest: text,
          kept: text.describe("digest of the state before it, which was saved"),
          held: object({ states: z.array(text), globals: z.array(text) }),
          equal: z.boolean(),
          stateVersion: text,
          notDeclared: z.array(text),
          notNamed: z.array(text),
          reset: z.array(text),
          left: z.array(text),
          notKept: z.array(text).describe("globals before it that could not be saved"),
        }),
      ),
      unread: z.array(text),
    }),
    object({ ...done, stack: text, snapshots: z.array(Snapshot), unread: z.array(text) }),
    Declined,
  ]),
  move: z.union([
    object({ ...moved, file: text }),
    object({ ...moved, dryRun: z.literal(true) }),
    object({
      ...done,
      dryRun: z.literal(true),
      from: MovedPlace,
      to: MovedPlace,
      processes: byName(object({ ...carried, state: z.enum(["own", "carried", "empty"]) })),
      warnings: z.array(Problem),
    }),
    Declined,
  ]),
  cleanup: object({
    ...done,
    dryRun: z.boolean(),
    artefacts: z.array(text),
    logs: z.array(text),
    rotated: z.array(text),
    releases: z.array(text),
    bundles: z.array(text),
    snapshots: count,
    states: z.array(text),
  }),
  call: z.union([
    object({ ...done, messageId: text }),
    object({
      success: z.boolean(),
      messageId: text,
      action: text,
      tags: byName(text),
      data: z.unknown().describe("the reply, parsed if it is JSON"),
      text: text.describe("the reply as it is"),
      explained: text.optional(),
      slot: count.nullable().optional(),
    }),
  ]),
  bundle: z.union([
    object({
      ...done,
      name: text,
      hash: sourceHash,
      bytes: count,
      out: text.nullable(),
      map: text.nullable(),
      modules: z.array(
        object({
          name: text,
          file: text,
          bytes: count,
          hash: sourceHash,
          lines: z.looseObject({}),
        }),
      ),
      warnings: z.array(Problem),
    }),
    object({ success: z.literal(false), problems: z.array(Problem) }),
  ]),
  "support-bundle": object({
    ...done,
    file: text,
    bytes: count,
    files: z.array(text),
    unreachable: Problem.optional(),
  }),
  init: object({
    ...done,
    folder: text,
    name: text,
    template: text,
    files: z.array(text),
    next: z.array(text).describe("the commands that come next"),
  }),
  "stack init": object({
    ...done,
    stack: text,
    project: text,
    created: z.boolean().describe("whether this run created it"),
    settings: text.describe("the file of its settings"),
    secrets: z.array(
      object({
        kind: z.enum(["passphrase", "wallet"]),
        file: text.optional(),
        state: z.enum(["created", "present", "elsewhere", "missing"]),
        address: text.optional(),
      }),
    ),
  }),
  "rotate-wallet": z.union([
    object({
      ...done,
      stack: text,
      from: text.describe("address of the old owner"),
      to: text.describe("address of the new owner"),
      left: z.array(OwnedProcess).describe("handed over by this run"),
      done: z.array(OwnedProcess).describe("handed over before"),
      unnamed: z.array(OwnedProcess).describe("whose owner cannot be read"),
      ruined: z.array(OwnedProcess).describe("which evaluate nothing any more"),
      setting: text.nullable().describe("the setting that was changed to the new wallet"),
    }),
    Declined,
  ]),
  setup: object({ ...done, projectDir: text, cli: text }),
  dashboard: object({ ...done, url: text, actions: z.boolean() }),
} as const;
