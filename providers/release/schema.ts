import { z } from "zod";
import { CommonInputs } from "../run/scope.ts";

/** Declared data of one member: complete, so that the fleet can be built again from it. No ids, no weights. */
export const DeclaredProcessSchema = z.strictObject({
  /** Entry file, relative to the project. */
  entry: z.string(),
  /** sha256 of the bundle's text. */
  sourceHash: z.string(),
  /** Version that the process must report. */
  version: z.string(),
  /** AO module as declared: an alias or an id. */
  module: z.string(),
  /** Members that must be healthy first. */
  dependsOn: z.array(z.string()),
  /** Members whose ids it is told. */
  peers: z.array(z.string()),
  /** Settings by config type. */
  config: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** Content hash by module name, so that a later plan can say which modules differ. */
  modules: z.record(z.string(), z.string()),
  /** UTF-8 bytes of the bundle. */
  bytes: z.number(),
});

export type DeclaredProcess = z.infer<typeof DeclaredProcessSchema>;

/** What is known of a member after its create. */
export const MemberSchema = z.strictObject({
  /** Its AO process id. */
  processId: z.string(),
  /** Counts the AO processes that it has had, from 1. */
  generation: z.number().int(),
  /** The Eval that loaded it: another one means that this run changed it. */
  evalId: z.string(),
});

export const ReleaseInputsSchema = z.strictObject({
  ...CommonInputs,
  /** Every member as declared. */
  declaration: z.record(z.string(), DeclaredProcessSchema),
  /** Every member as deployed. */
  members: z.record(z.string(), MemberSchema),
  /** Hashes and versions of configs and wirings: they tell whether this run repaired anything. */
  evidence: z.record(z.string(), z.string()),
  /** Seconds for a whole create or update. */
  timeoutSeconds: z.number().positive().default(120),
});

export type ReleaseInputs = z.infer<typeof ReleaseInputsSchema>;

export interface ReleaseOutputs extends ReleaseInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Hash of the declaration alone: equal declarations are equal releases, wherever they run. */
  readonly releaseHash: string;
  /** Id of the run that made it: `deploy-<time>-<random>`. */
  readonly deploymentId: string;
  /** The run's epoch; 0 where no member keeps a ledger. */
  readonly epoch: number;
  /** When it was through, ISO 8601. */
  readonly releasedAt: string;
}
