import { z } from "zod";

/** When a new revision counts as healthy, and how long it may take. */
export const HealthPolicySchema = z.strictObject({
  /** How long a new revision may take until it is healthy. @default 300 */
  timeoutSeconds: z.number().positive().max(3600).default(300),
  /** Pause between two probes of a revision that is not healthy yet. @default 10 */
  intervalSeconds: z.number().min(0.05).max(300).default(10),
  /** Probes after the first that may be unhealthy before the verdict is final. @default 3 */
  retries: z.number().int().min(0).max(100).default(3),
  /** The slowest answer, sent to read back, that still counts as performing. @default 5000 */
  maxResponseMs: z.number().positive().default(5000),
});

export type HealthPolicy = z.infer<typeof HealthPolicySchema>;

/** One line of a process' answer to `HEALTH_CHECK`. */
export const CheckSchema = z.looseObject({
  /** Name of the check; the process' own ones are here too. */
  name: z.string(),
  /** STARTUP, READINESS, LIVENESS or PERFORMANCE. */
  checkType: z.string(),
  /** HEALTHY, DEGRADED or UNHEALTHY. */
  status: z.string(),
  /** Why, in the process' words. */
  detail: z.string().optional(),
});

/** What the process last said of itself. No moving values: an idle refresh shows no change. */
export const HealthOutputSchema = z.strictObject({
  /** OFFLINE: it did not answer. UNKNOWN: nobody could ask yet. */
  status: z.enum(["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE", "UNKNOWN"]),
  /** One line for each check that did not pass. */
  reasons: z.array(z.string()),
  /**
   * PROCESS_RUINED: it never evaluates a message again. NOT_OWNER: it has no library, and does not run an Eval of the wallet that asked.
   * @default none
   */
  code: z.enum(["PROCESS_RUINED", "NOT_OWNER"]).optional(),
});

export type HealthOutput = z.infer<typeof HealthOutputSchema>;
