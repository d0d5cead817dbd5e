import { z } from "zod";

/** A member that receives a message from another resource of the fleet. */
export const TargetSchema = z.strictObject({
  /** Its name in the fleet. */
  name: z.string(),
  /** Its AO process id. */
  processId: z.string(),
  /** Number of AO processes that this member has had, from 1. */
  generation: z.number().int().positive(),
});

export type Target = z.infer<typeof TargetSchema>;
