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
  /** Every member as declared. */
  declaration: z.record(z.string(), DeclaredProcessSchema),
  /** Every member as deployed. */
  members: z.record(z.string(), MemberSchema),
  /** Hashes and versions of configs and wirings: they tell whether this run repaired anything. */
  evidence: z.record(z.string(), z.string()),
  /** How each member is deployed. @default none */
  policies: z.record(z.string(), MemberPolicySchema).optional(),
  /** Members that run beside the release and are none of it: they came after the release that the stack is pinned to. @default none */
  warm: z.record(z.string(), DeclaredProcessSchema).optional(),
  /** The release that the stack is pinned to. @default none */
  pinned: PinnedSchema.optional(),
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
  /** Who let its traffic through, where the run ended a rollout: the judge, or a person without a good verdict. @default none */
  readonly approval?: Approval;
}
