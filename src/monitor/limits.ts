import { z } from "zod";

const share = z.number().min(0).max(1);
const ms = z.number().int().min(1);

/** What a round of health checks is judged by, by the admin process too. */
const checks = {
  /** From one round to the next. */
  intervalMs: ms.min(1000).default(30_000),
  /** Until a process must have answered a read. */
  timeoutMs: ms.default(5000),
  /** Rounds in a row without an answer that make a process OFFLINE. */
  missesToOffline: z.number().int().min(1).default(3),
  /** More OFFLINE than this: the fleet is OFFLINE. */
  offlineShare: share.default(0.25),
  /** Fewer up (HEALTHY or DEGRADED) than this: the fleet is UNHEALTHY. */
  healthyShare: share.default(0.95),
  /** More DEGRADED than this: the fleet is DEGRADED. */
  degradedShare: share.default(0.25),
  /** The fleet passes with at least so many HEALTHY, … */
  passHealthyShare: share.default(0.95),
  /** … at most so many OFFLINE, … */
  passOfflineShare: share.default(0.1),
  /** … and at most so many UNHEALTHY. */
  passUnhealthyShare: share.default(0.05),
  /** Largest share of failed checks in a round, and of faulty requests of a process between two rounds. */
  errorRate: share.default(0.05),
  /** A process that answers more slowly is DEGRADED. */
  responseMs: ms.default(5000),
};

/** What the ledger is judged by, by itself too. */
const deployments = {
  /** Deployments after which their rates are judged. */
  deploymentSample: z.number().int().min(0).default(10),
  /** Largest share of failed deployments. */
  failureRate: share.default(0.1),
  /** Largest share of deployments that were rolled back. */
  rollbackRate: share.default(0.15),
  /** Longest average deployment, in seconds. */
  deploymentSeconds: z.number().min(1).default(600),
  /** Requests of the ledger between two rounds after which its error rate is judged. */
  coordinatorSample: z.number().int().min(1).default(20),
};

/** What counts as what. Shares are 0–1, times are milliseconds unless the name says otherwise. */
export const LimitsSchema = z.strictObject({
  ...checks,
  /** Refused messages of a process between two rounds that are taken for an attack. */
  refusals: z.number().int().min(1).default(5),
  ...deployments,
});

export type Limits = z.output<typeof LimitsSchema>;

/** All defaults. */
export const LIMITS: Limits = LimitsSchema.parse({});

/** The defaults that `src/runtime/monitor/defaults.lua` is made of. */
export const CHECK_LIMITS = z.object(checks).parse({});
export const DEPLOYMENT_LIMITS = z.object(deployments).parse({});
