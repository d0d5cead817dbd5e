import { z } from "zod";
import { TargetSchema } from "../config-bundle/schema.ts";
import { HealthPolicySchema } from "../process/schema.ts";
import { CommonInputs } from "../run/scope.ts";

export const WiringInputsSchema = z.strictObject({
  ...CommonInputs,
  /** The member that is told. */
  target: TargetSchema,
  /** Peer name → AO process id. Replaces the whole table. */
  peers: z.record(z.string(), z.string()),
  healthCheck: HealthPolicySchema.prefault({}),
  timeoutSeconds: z.number().positive().default(120),
});

export type WiringInputs = z.infer<typeof WiringInputsSchema>;

export interface WiringOutputs extends WiringInputs {
  readonly schemaVersion: 1;
  readonly hash: string;
  readonly drift: string[];
}
