import { z } from "zod";
import { DriftCodeSchema } from "../../src/fleet/health/kept-drift.ts";
import { HealthOutputSchema, HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import { HeldRevisionSchema, RevisionSchema } from "../../src/fleet/members/revision.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";

/** The one Lua text of a member and what it was made of: declared data, the same on every machine. */
const BundleRefSchema = z.strictObject({
  /** sha256 of the bundle's text; the bundle's name in the store. */
  hash: z.string().length(64),
  /** UTF-8 bytes. */
  bytes: z.number().int().positive(),
  /** Entry file, relative to the project. */
  entry: z.string(),
  /** Content hash by module name; tells which modules an edit changed. */
  modules: z.record(z.string(), z.string()),
});

/** An existing process to take over: its AO id, or the `Name` that it was spawned with by this stack's wallet. */
export const AdoptSchema = z.union([
  z.string().regex(/^[A-Za-z0-9_-]{43}$/, "an AO process id has 43 characters of base64url"),
  z.strictObject({
    /** Its `Name` tag. When several carry it, all are listed and one must be named by id. */
    name: z.string().min(1).max(200),
  }),
]);

/** Which earlier revisions stay loaded beside the one in use, so that going back to one needs no spawn. */
const RetentionSchema = z.strictObject({
  /** Revisions that are held, the one in use among them. @default 2 */
  revisions: z.number().int().min(1).max(20).default(2),
  /** Seconds for which a replaced revision is held in any case. @default 3600 */
  windowSeconds: z
    .number()
    .min(0)
    .max(30 * 86_400)
    .default(3600),
});

export type Retention = z.infer<typeof RetentionSchema>;

/** Other code gets an AO process of its own beside the one that runs; which of them callers get is traffic's to say. */
const NewProcessSchema = z.strictObject({
  kind: z.literal("new-process"),
  /** Which earlier revisions stay. */
  retention: RetentionSchema.prefault({}),
  /** Member that carries the router: what has traffic there is never retired. @default none */
  router: z.string().optional(),
});

/** Inputs of one AO process. Units are in the names. */
export const ProcessInputsSchema = z.strictObject({
  ...CommonInputs,
  /** Logical name in the fleet, lower case with hyphens. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,62}$/, "lower case letters, digits and hyphens, starting with a letter"),
  /** Version that the process must report. */
  version: z.string().min(1).max(64),
  /**
   * AO module: an alias that the network knows (`aos`), a 43-character id, or `wasm:<hash>` for one in `.fleet/modules`, which is
   * published when it is needed. An AO process keeps its module for life.
   */
  module: z.string().min(1),
  /** Names of the members that must be healthy first: recorded in the manifest; the order itself comes from `dependsOn`. */
  dependencies: z.array(z.string()).default([]),
  /** The code to run, by hash; the text is in the store under `.fleet/bundles`. */
  bundle: BundleRefSchema,
  /** Extra spawn tags, fixed at the spawn. With `Cron-Interval` the messenger unit is asked to drive its crons until it is retired. */
  tags: z.record(z.string(), z.string()).default({}),
  /** When the new revision counts as healthy. */
  healthCheck: HealthPolicySchema.prefault({}),
  /** Seconds for a whole create or update, health included. @default 600 */
  timeoutSeconds: z.number().positive().max(86_400).default(600),
  /** State that the code is loaded with, once, when a rollback puts an earlier one back. @default none */
  restore: z
    .strictObject({
      /** Names the rollback: the same one is never done twice. */
      id: z.string().min(1),
      /** Digest of the state, which is in `.fleet/snapshots`. */
      digest: z.string().length(64),
    })
    .optional(),
  /** Whether a new process is spawned with its code (`On-Boot: Data`), so that it runs from its first message on. @default false */
  onBoot: z.boolean().optional(),
  /** Whether the fleet's library is in the bundle; without it aos itself is asked what it runs. @default true */
  lib: z.boolean().optional(),
  /** `none`: what messages gave is not kept where the code assigns it at load. @default it is put back */
  state: z.literal("none").optional(),
  /** Existing process to take over instead of spawning. Must belong to the stack's wallet. @default none */
  adopt: AdoptSchema.optional(),
  /** How other code comes into use. @default in place: one Eval into the process that runs */
  strategy: NewProcessSchema.optional(),
  /** Seconds that a new revision must stay healthy before anything else goes on. @default 0 */
  minHealthySeconds: z.number().min(0).max(3600).optional(),
});

export type ProcessInputs = z.infer<typeof ProcessInputsSchema>;

/** Beside the inputs, what the create or update made true. */
export const ProcessOutputsSchema = ProcessInputsSchema.extend({
  /** Shape of these outputs; later code reads every earlier one. */
  schemaVersion: z.literal(1),
  /** The AO process id. Fixed for the member's life; with `strategy`, the one of the wanted revision. */
  processId: z.string(),
  /** Counts the AO processes that this member has had, retired ones included, from 1. */
  generation: z.number().int().positive(),
  /** The AO module's id. */
  moduleId: z.string(),
  /** Address of the wallet that owns it, as it said when it was last deployed or refreshed. */
  owner: z.string(),
  /** The deployed version that the program wants: the AO process, its code and the message that loaded it. */
  revision: RevisionSchema.optional(),
  /** With `strategy`: every revision that is held, the wanted one first. */
  revisions: z.array(HeldRevisionSchema).optional(),
  /** With `strategy`: what had the traffic when the wanted revision was made. */
  blue: z
    .strictObject({
      /** Its AO process. */
      processId: z.string(),
      /** sha256 of its bundle's text. */
      sourceHash: z.string(),
    })
    .optional(),
  /** AO processes that this member lost, oldest first: their order at the scheduler has a hole. Never taken again. @default none */
  ruined: z
    .array(
      z.strictObject({
        /** The AO process id. */
        processId: z.string(),
        /** Which of the member's AO processes it was. */
        generation: z.number().int().positive(),
      }),
    )
    .optional(),
  /** What the process last said of its health. */
  health: HealthOutputSchema,
  /** What a refresh found changed by hand, in words. */
  drift: z.array(z.string()),
  /** The code of each line of `drift`, in its order. @default none, in a state of version 0.1.0 */
  driftCodes: z.array(DriftCodeSchema).optional(),
});

export type ProcessOutputs = z.infer<typeof ProcessOutputsSchema>;
