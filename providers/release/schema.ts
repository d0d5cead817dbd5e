import { z } from "zod";
import type { Approval } from "../../src/delivery/approval.ts";
import {
  DeclaredProcessSchema,
  MemberPolicySchema,
  MemberSchema,
  PinnedSchema,
} from "../../src/fleet/releases/declared.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";

export const ReleaseInputsSchema = z.strictObject({
  ...CommonInputs,
  /** Every member as declared, by name. */
  declaration: z.record(z.string(), DeclaredProcessSchema),
  /** Every member as deployed, by name. */
  members: z.record(z.string(), MemberSchema),
  /** Hashes and versions of config bundles and wirings, by resource. A difference means that this run changed or repaired one. */
  evidence: z.record(z.string(), z.string()),
  /** How each member is deployed, by name. @default none */
  policies: z.record(z.string(), MemberPolicySchema).optional(),
  /**
   * Members that keep running without being part of the release: they were added after the release that the stack is pinned to.
   * @default none
   */
  warm: z.record(z.string(), DeclaredProcessSchema).optional(),
  /** The release that the stack is pinned to. @default none */
  pinned: PinnedSchema.optional(),
  /** Seconds that a create or update may take. @default 120 */
  timeoutSeconds: z.number().positive().default(120),
});

export type ReleaseInputs = z.infer<typeof ReleaseInputsSchema>;

/** Outputs of a Release. */
export interface ReleaseOutputs extends ReleaseInputs {
  /** Version of the outputs' shape. Later code reads every earlier version. */
  readonly schemaVersion: 1;
  /** Hash of the declaration alone: equal declarations are equal releases, wherever they run. */
  readonly releaseHash: string;
  /** Id of the run that made it: `deploy-<time>-<random>`. */
  readonly deploymentId: string;
  /** The run's epoch; 0 if no member keeps a ledger. */
  readonly epoch: number;
  /** When it was completed, ISO 8601. */
  readonly releasedAt: string;
  /** Who approved its traffic, if the run ended a rollout: the checks, or a person without a passing verdict. @default none */
  readonly approval?: Approval;
}
