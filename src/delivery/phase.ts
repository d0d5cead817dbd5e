import { z } from "zod";

/** The guide's phases of a blue-green deployment, in order; HELD means that the rollout waits for a person. */
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

/** Error codes of runs that did not fail but wait for a person. */
const WAITING: ReadonlySet<string> = new Set(["HELD", "PAUSED", "GATE"]);

/** Whether a run that ended with this code waits for a person and has not failed. Pure. */
export const isWaitingCode = (code: string | undefined): boolean => code !== undefined && WAITING.has(code);

/** Whether a rollout in this phase has also ended at the router: then only a new one changes the table. Pure. */
export const isOver = (phase: Phase): boolean => phase === "COMPLETED" || phase === "ROLLED_BACK";
