import { z } from "zod";
import { CommonInputs } from "../run/scope.ts";

/** Declared data of one member: complete, so that the fleet can be built again from it. No ids, no weights. */
export const DeclaredProcessSchema = z.strictObject({
  entry: z.string(),
  sourceHash: z.string(),
  version: z.string(),
  module: z.string(),
  dependsOn: z.array(z.string()),
  peers: z.array(z.string()),
  config: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** Content hash by module name, so that a later plan can say which modules differ. */
  modules: z.record(z.string(), z.string()),
  bytes: z.number(),
});

export type DeclaredProcess = z.infer<typeof DeclaredProcessSchema>;

/** What is known of a member after its create. */
export const MemberSchema = z.strictObject({
  processId: z.string(),
  generation: z.number().int(),
  /** The Eval that loaded it: another one means that this run changed it. */
  evalId: z.string(),
});

export const ReleaseInputsSchema = z.strictObject({
  ...CommonInputs,
  declaration: z.record(z.string(), DeclaredProcessSchema),
  members: z.record(z.string(), MemberSchema),
  /** Hashes and versions of configs and wirings: they tell whether this run repaired anything. */
  evidence: z.record(z.string(), z.string()),
  timeoutSeconds: z.number().positive().default(120),
});

export type ReleaseInputs = z.infer<typeof ReleaseInputsSchema>;

export interface ReleaseOutputs extends ReleaseInputs {
  readonly schemaVersion: 1;
  /** Hash of the declaration alone: equal declarations are equal releases, wherever they run. */
  readonly releaseHash: string;
  readonly deploymentId: string;
  readonly epoch: number;
  readonly releasedAt: string;
}
