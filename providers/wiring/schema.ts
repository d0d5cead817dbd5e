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
  /**
   * Who may change the target beside its owner: name → address of a wallet or id of a process. Replaces the whole list. What is
   * declared nowhere is left as it is. @default none
   */
  deployers: z.record(z.string(), z.string()).optional(),
  /** How long it may take until the target is ready with its peers. */
  healthCheck: HealthPolicySchema.prefault({}),
  /** Seconds for a whole create or update. */
  timeoutSeconds: z.number().positive().default(120),
});

export type WiringInputs = z.infer<typeof WiringInputsSchema>;

export interface WiringOutputs extends WiringInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Content hash of the table. */
  readonly hash: string;
  /** What a refresh found changed by hand, in words. */
  readonly drift: string[];
}
