import { z } from "zod";

/** The guide's phases of a blue-green deployment, in order; HELD is a rollout that waits for a person. */
export const PhaseSchema = z.enum([
  "PREPARING",
  "DEPLOYING_GREEN",
  "HEALTH_VALIDATION",
  "TRAFFIC_SWITCHING",
  "MONITORING",
  "HELD",
  "COMPLETED",
  "FAILED",
  "ROLLING_BACK",
  "ROLLED_BACK",
]);
export type Phase = z.infer<typeof PhaseSchema>;
