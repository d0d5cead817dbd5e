/** Parts that the documents of several commands share. */
import { z } from "zod";

/** An object in a published schema. Later versions may add fields, so a published schema allows them; the tests do not. */
export const object = z.object;

export const text = z.string();
const integer = z.number().int();
export const count = integer.min(0);
export const isoTime = z.string().describe("ISO 8601");
export const processId = z.string().describe("AO process id");
export const sourceHash = z.string().describe("sha256 of the code, in hex; empty for none");

/** A record with values of this kind. */
export const byName = <S extends z.ZodType>(value: S) => z.record(z.string(), value);

/** `Problem` of src/core/errors.ts. */
export const Problem = object({
  code: text.describe("stable, in upper snake case"),
  what: text.describe("what is wrong, in one sentence"),
  got: text.optional().describe("the value that was found"),
  expected: text.optional().describe("what would have been accepted"),
  remedy: text.describe("the next step"),
  at: text.optional().describe("a path in the declaration, or file:line:column"),
});

/** What a command prints that failed. Documents of a rollback that was refused say more. */
export const Failed = object({
  success: z.literal(false),
  error: object({
    code: text.describe("the code of the first problem; BUG for an error of fleet itself"),
    problems: z.array(Problem).optional(),
    message: text.optional().describe("the message of such a bug"),
  }),
});

/** A question that was answered with no: nothing was changed. */
export const Declined = object({ success: z.literal(true), stack: text, declined: z.literal(true) });

/** `Failure` of src/operations/deploy/failure.ts. */
const Failure = object({
  member: text.optional().describe("absent if the program or pulumi itself failed"),
  problems: z.array(Problem),
});
export const failures = z.array(Failure);

const Diagnostic = object({
  severity: z.enum(["error", "warning", "info"]),
  member: text.optional(),
  text,
});

export const PlannedStep = object({
  op: text.describe("pulumi's operation: create, update, replace, delete, …"),
  name: text,
  kind: text.describe("process, wiring, config, traffic, network, release, …"),
  differs: z.array(text).describe("the inputs that differ"),
});

/** The fields of a preview. */
export const plan = {
  steps: z.array(PlannedStep),
  notes: z.array(text).describe("reasons that the providers give"),
  changes: byName(count).describe("number of resources by operation"),
};
export const warnings = z.array(Diagnostic);

/** A process in the manifest of a deployment. */
const DeployedProcess = object({
  processId: processId.optional(),
  status: text.describe("ACTIVE only if the process reported it"),
  deploymentTime: text,
  dependencies: z.array(text),
  version: text.optional(),
  sourceHash: sourceHash.optional(),
  module: text.optional(),
  generation: count.optional(),
  revision: text.optional(),
  configVersions: byName(z.number()).optional(),
  lib: z.literal(false).optional(),
  code: z.array(text).optional(),
  router: text.optional(),
});

const NamedReason = object({ name: text, why: text });

/** What a run of pulumi prints: deploy, adopt, and the parts of a rollback. */
export const run = {
  success: z.boolean(),
  status: z.enum(["succeeded", "failed", "held", "occupied", "locked", "timeout", "interrupted"]),
  stack: text,
  deploymentId: text,
  attempts: count,
  durationSeconds: z.number(),
  changes: byName(count),
  failures,
  standing: object({
    failed: z.array(text),
    held: z.array(text),
    done: z.array(text),
    unfinished: z.array(text),
    asBefore: z.array(text),
    notYet: z.array(text),
    refusing: z.array(text),
    otherwise: z.array(NamedReason),
    unknown: z.array(NamedReason),
  })
    .optional()
    .describe("the members by their status, after a run that did not succeed"),
  stillGoingOn: z.array(object({ name: text, phase: text })).optional(),
  lockedBy: z.array(text).optional(),
  processes: byName(DeployedProcess),
  manifest: text.describe("path of the manifest"),
  log: text.describe("path of the run's log"),
};

/** A saved state of a process. The snapshot has further fields. */
export const Snapshot = z.looseObject({
  member: text,
  digest: text,
  slot: count,
  bytes: count,
});

/** Traffic as `fleet status` shows it. */
export const Traffic = object({
  phase: text,
  release: text,
  step: integer,
  salt: text,
  headline: text,
  revisions: z.array(z.looseObject({})),
});
