import { z } from "zod";
import { ADDRESS } from "../../src/core/address.ts";
import { GlobalsSchema } from "../../src/delivery/strategy.ts";
import { DriftCodeSchema } from "../../src/fleet/health/drift-codes.ts";
import { HealthOutputSchema, HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import { HeldRevisionSchema, RevisionSchema } from "../../src/fleet/members/revision.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";

/** A member's bundle and its contents: declared data, the same on every machine. */
const BundleRefSchema = z.strictObject({
  /** sha256 of the bundle's text; also the bundle's name in the store. */
  hash: z.string().length(64),
  /** Size in UTF-8 bytes. */
  bytes: z.number().int().positive(),
  /** Entry file, relative to the project. */
  entry: z.string(),
  /** Content hash by module name. A preview uses it to list the changed modules. */
  modules: z.record(z.string(), z.string()),
});

/** An existing process to take over: its AO id, or the `Name` with which this stack's wallet spawned it. */
export const AdoptSchema = z.union([
  z.string().regex(ADDRESS, "an AO process id has 43 characters of base64url"),
  z.strictObject({
    /** Its `Name` tag. If several processes have it, the error `ADOPT_SEVERAL` lists them, and the id is needed. */
    name: z.string().min(1).max(200),
  }),
]);

/** Which earlier revisions stay loaded next to the one in use, so that a rollback to one needs no spawn. */
const RetentionSchema = z.strictObject({
  /** Number of revisions that are held, the one in use included. @default 2 */
  revisions: z.number().int().min(1).max(20).default(2),
  /** Seconds for which a replaced revision is held even if there are more. @default 3600 */
  windowSeconds: z
    .number()
    .min(0)
    .max(30 * 86_400)
    .default(3600),
});

export type Retention = z.infer<typeof RetentionSchema>;

/** New code gets its own AO process, next to the running one. The traffic table decides which of them serves callers. */
const NewProcessSchema = z.strictObject({
  kind: z.literal("new-process"),
  /** Which earlier revisions are held. */
  retention: RetentionSchema.prefault({}),
  /** Member that carries the router. A revision with traffic is never retired. @default none */
  router: z.string().optional(),
});

/** Inputs of one AO process. Names of fields include the unit. */
export const ProcessInputsSchema = z.strictObject({
  ...CommonInputs,
  /** Logical name in the fleet: lower case letters, digits and hyphens, at most 63 characters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,62}$/, "lower case letters, digits and hyphens, starting with a letter"),
  /** Version that the process must report, 1 to 64 characters. */
  version: z.string().min(1).max(64),
  /**
   * AO module: an alias that the network knows (`aos`), a 43-character id, or `wasm:<hash>` for a module in `.fleet/modules`, which is
   * published when it is needed. An AO process keeps its module: changing it fails with `MODULE_FIXED`, unless `strategy` is set.
   */
  module: z.string().min(1),
  /**
   * Names of the members that must be healthy first. They are recorded in the manifest; Pulumi's `dependsOn` defines the order.
   * @default none
   */
  dependencies: z.array(z.string()).default([]),
  /** The code to run, by hash. The text is in the store under `.fleet/bundles`; a missing one fails with `BUNDLE_GONE`. */
  bundle: BundleRefSchema,
  /**
   * Additional spawn tags, fixed at the spawn. With `Cron-Interval`, the messenger unit is asked to drive the crons until the process is
   * retired.
   * @default none
   */
  tags: z.record(z.string(), z.string()).default({}),
  /** When the new revision counts as healthy. */
  healthCheck: HealthPolicySchema.prefault({}),
  /** Seconds that a create or update may take, health checks included. @default 600 */
  timeoutSeconds: z.number().positive().max(86_400).default(600),
  /** Snapshot that the code is loaded with, once, when a rollback restores an earlier state. @default none */
  restore: z
    .strictObject({
      /** Id of the rollback. A rollback is never applied twice. */
      id: z.string().min(1),
      /** Digest of the snapshot in `.fleet/snapshots`. */
      digest: z.string().length(64),
    })
    .optional(),
  /** Whether a new process is spawned with its code (`On-Boot: Data`), so that it runs from its first message on. @default false */
  onBoot: z.boolean().optional(),
  /** Whether the fleet's library is in the bundle. Without it, aos itself is asked for the code that runs. @default true */
  lib: z.boolean().optional(),
  /** `none`: state in globals that the code assigns at load is discarded. @default such state is put back after the load */
  state: z.literal("none").optional(),
  /**
   * Globals that are its state. A backup that fails because another global cannot be exported contains these only.
   * @default those that messages changed
   */
  globals: GlobalsSchema.optional(),
  /** Existing process to take over instead of spawning one. It must belong to the stack's wallet, otherwise `NOT_OWNER`. @default none */
  adopt: AdoptSchema.optional(),
  /** How new code is rolled out. @default in place: one Eval into the running process */
  strategy: NewProcessSchema.optional(),
  /** Seconds that a new revision must stay healthy before the deployment goes on. @default 0 */
  minHealthySeconds: z.number().min(0).max(3600).optional(),
});

export type ProcessInputs = z.infer<typeof ProcessInputsSchema>;

/** The inputs, and the result of the create or update. */
export const ProcessOutputsSchema = ProcessInputsSchema.extend({
  /** Version of the outputs' shape. Later code reads every earlier version. */
  schemaVersion: z.literal(1),
  /** The AO process id. It never changes; with `strategy`, it is the one of the declared revision. */
  processId: z.string(),
  /** Number of AO processes that this member has had, retired ones included, starting at 1. */
  generation: z.number().int().positive(),
  /** Id of the AO module. */
  moduleId: z.string(),
  /** Address of the wallet that owns it, as the process reported at the last deployment or refresh. */
  owner: z.string(),
  /** The declared revision as deployed: the AO process, its code and the message that loaded it. */
  revision: RevisionSchema.optional(),
  /** With `strategy`: every held revision, the declared one first. */
  revisions: z.array(HeldRevisionSchema).optional(),
  /** With `strategy`: the revision that had the traffic when the declared one was created. */
  blue: z
    .strictObject({
      /** Its AO process. */
      processId: z.string(),
      /** sha256 of its bundle's text. */
      sourceHash: z.string(),
    })
    .optional(),
  /**
   * Ruined AO processes of this member, oldest first: they can never evaluate a message again. They are never used again.
   * @default none
   */
  ruined: z
    .array(
      z.strictObject({
        /** The AO process id. */
        processId: z.string(),
        /** Its generation. */
        generation: z.number().int().positive(),
      }),
    )
    .optional(),
  /** The latest health verdict that the process reported. */
  health: HealthOutputSchema,
  /**
   * Why the last run could not load the code: the code of its error, what it said and what to do. A preview repeats it until a run succeeds.
   * @default none, if the last run succeeded or failed its health check only
   */
  failure: z
    .strictObject({
      /** The code of the error, as `BACKUP_FAILED`. */
      code: z.string(),
      /** What failed. */
      what: z.string(),
      /** What to do. */
      remedy: z.string(),
    })
    .optional(),
  /** Manual changes that a refresh found, as sentences. */
  drift: z.array(z.string()),
  /** The code of each entry of `drift`, in the same order. @default none, in a state of version 0.1.0 */
  driftCodes: z.array(DriftCodeSchema).optional(),
});

export type ProcessOutputs = z.infer<typeof ProcessOutputsSchema>;
