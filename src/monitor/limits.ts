import { z } from "zod";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

const share = z.number().min(0).max(1);
/** No answer takes longer than an hour. */
const responseTime = z.number().int().min(1).max(HOUR);

/** The thresholds for a round of health checks, shared with the admin process: `monitoring.yaml` and its HEALTH_THRESHOLD_CONFIG accept the same. */
const checks = {
  /** Time between two rounds. */
  intervalMs: z.number().int().min(SECOND).max(DAY).default(30_000),
  /** Time limit for a process to answer a read. */
  timeoutMs: responseTime.default(5000),
  /** Rounds in a row without an answer after which a process is OFFLINE: at the shortest interval, at most those of a day. */
  missesToOffline: z
    .number()
    .int()
    .min(1)
    .max(DAY / SECOND)
    .default(3),
  /** If the share of OFFLINE processes is larger, the fleet is OFFLINE. */
  offlineShare: share.default(0.25),
  /** If the share of processes that are up (HEALTHY or DEGRADED) is smaller, the fleet is UNHEALTHY. */
  healthyShare: share.default(0.95),
  /** If the share of DEGRADED processes is larger, the fleet is DEGRADED. */
  degradedShare: share.default(0.25),
  /** Smallest share of HEALTHY processes with which the fleet passes. */
  passHealthyShare: share.default(0.95),
  /** Largest share of OFFLINE processes with which the fleet passes. */
  passOfflineShare: share.default(0.1),
  /** Largest share of UNHEALTHY processes with which the fleet passes. */
  passUnhealthyShare: share.default(0.05),
  /** Largest share of failed checks in a round, and of failed requests of a process: between two rounds, and in its own health check. */
  errorRate: share.default(0.05),
  /** A process that answers more slowly is DEGRADED. */
  responseMs: responseTime.default(5000),
};

/** Thresholds of the admin process alone; commands check again in their next round. */
const retries = {
  /** Number of checks that a requester should make of a process that did not answer. */
  retries: z.number().int().min(0).max(100).default(3),
  /** Time until the next of them. */
  retryDelayMs: z.number().int().min(100).max(HOUR).default(10_000),
};

/** The thresholds for the ledger, shared with the ledger itself. */
const deployments = {
  /** Number of deployments after which their rates are judged. */
  deploymentSample: z.number().int().min(0).default(10),
  /** Largest share of failed deployments. */
  failureRate: share.default(0.1),
  /** Largest share of deployments that were rolled back. */
  rollbackRate: share.default(0.15),
  /** Longest average deployment, in seconds. */
  deploymentSeconds: z.number().min(1).default(600),
  /** Requests to the ledger between two rounds after which its error rate is judged. */
  coordinatorSample: z.number().int().min(1).default(20),
};

/** Thresholds. Shares are 0–1, times are in milliseconds unless the name says otherwise. */
export const LimitsSchema = z.strictObject({
  ...checks,
  /** Refused messages of a process between two rounds that count as an attack. */
  refusals: z.number().int().min(1).default(5),
  /** Intervals in a row without a tick of a cron that the fleet's monitor drives. */
  missedTicks: z.number().int().min(1).default(3),
  ...deployments,
});

export type Limits = z.output<typeof LimitsSchema>;

/** All defaults. */
export const LIMITS: Limits = LimitsSchema.parse({});

/** The thresholds of the admin process, from which `src/runtime/monitor/threshold-rules.lua` is generated. */
export const AdminLimitsSchema = z.strictObject({ ...checks, ...retries });

/** The defaults, from which `src/runtime/monitor/defaults.lua` is generated. */
export const CHECK_LIMITS = AdminLimitsSchema.parse({});
export const DEPLOYMENT_LIMITS = z.object(deployments).parse({});
