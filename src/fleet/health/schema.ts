import { z } from "zod";

/** When a new revision counts as healthy, and how long that may take. */
export const HealthPolicySchema = z.strictObject({
  /** Time limit for a new revision to become healthy. @default 300 */
  timeoutSeconds: z.number().positive().max(3600).default(300),
  /** Pause between two probes of a revision that is not healthy yet. @default 10 */
  intervalSeconds: z.number().min(0.05).max(300).default(10),
  /** Number of unhealthy probes after the first one before the verdict is final. @default 3 */
  retries: z.number().int().min(0).max(100).default(3),
  /** Slowest response, from sending to reading back, that is not DEGRADED. @default 5000 */
  maxResponseMs: z.number().positive().default(5000),
});

export type HealthPolicy = z.infer<typeof HealthPolicySchema>;

/** One line of a process' answer to `HEALTH_CHECK`. */
export const CheckSchema = z.looseObject({
  /** Name of the check, including the process' own ones. */
  name: z.string(),
  /** STARTUP, READINESS, LIVENESS or PERFORMANCE. */
  checkType: z.string(),
  /** HEALTHY, DEGRADED or UNHEALTHY. */
  status: z.string(),
  /** The reason, as reported by the process. */
  detail: z.string().optional(),
});

/** Whether a check says anything but that it passed. */
export const didNotPass = ({ status }: { readonly status: string }): boolean =>
  status !== "HEALTHY" && status !== "PASS";

/** The process' last reported health. Contains no changing values, so an idle refresh shows no change. */
export const HealthOutputSchema = z.strictObject({
  /** OFFLINE: it did not answer. UNKNOWN: it could not be asked yet. */
  status: z.enum(["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE", "UNKNOWN"]),
  /** One line per check that did not pass. */
  reasons: z.array(z.string()),
  /**
   * PROCESS_RUINED: it can never evaluate a message again. PROCESS_STUCK: its node computes nothing more of it, and it is not known why.
   * PROCESS_GONE: its network has no such process. NOT_OWNER: it has no library, and does not run Evals of this wallet.
   * @default none
   */
  code: z.enum(["PROCESS_RUINED", "PROCESS_STUCK", "PROCESS_GONE", "NOT_OWNER"]).optional(),
});

export type HealthOutput = z.infer<typeof HealthOutputSchema>;
