/** Levels of alerts, the lowest first. */
export const LEVELS = ["INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export type Level = (typeof LEVELS)[number];

/** The alert types whose source is one process, with their levels; they are resolved when the process leaves the fleet. */
const PROCESS_LEVELS = {
  /** A process refused many messages. */
  SECURITY_ALERT: "CRITICAL",
  /** No answer three rounds in a row. */
  PROCESS_OFFLINE: "CRITICAL",
  /** It reports that it is unhealthy, or its answer is invalid. */
  PROCESS_UNHEALTHY: "ERROR",
  /** Requests end in Lua errors. */
  PROCESS_ERROR: "ERROR",
  /** It is slow, or reports that it is degraded. */
  PROCESS_DEGRADED: "WARNING",
  /** Messages are pending and none is evaluated. */
  PROCESS_STUCK: "ERROR",
  /** It does not run what was deployed. */
  PROCESS_DRIFT: "ERROR",
  /** Its cron is driven by the fleet's monitor, and did not tick for three intervals. */
  CRON_MISSED: "ERROR",
} as const satisfies Record<string, Level>;

/** Every alert type with its level; `src/runtime/monitor/defaults.lua` is generated from it. */
export const TYPES = {
  /** More than 10 % of more than 10 deployments failed. */
  DEPLOYMENT_FAILURE_RATE_HIGH: "ERROR",
  /** More than 15 % of more than 10 deployments were rolled back. */
  ROLLBACK_RATE_HIGH: "WARNING",
  /** Deployments take more than 600 s on average. */
  DEPLOYMENT_TIME_EXCEEDED: "WARNING",
  /** More than 5 % of a round's checks failed. */
  HEALTH_CHECK_FAILURE_RATE_HIGH: "ERROR",
  /** The ledger has errors or is slow. */
  COORDINATOR_PERFORMANCE_DEGRADED: "WARNING",
  /** The ledger could not distribute settings to all their targets. */
  CONFIG_DISTRIBUTION_FAILED: "ERROR",
  /** The fleet was rolled back to an earlier release. */
  ROLLBACK_EXECUTED: "WARNING",
  /** A rollback failed. */
  ROLLBACK_FAILED: "CRITICAL",
  ...PROCESS_LEVELS,
} as const satisfies Record<string, Level>;

export type AlertType = keyof typeof TYPES;
export type ProcessAlertType = keyof typeof PROCESS_LEVELS;

export const TYPE_NAMES = Object.keys(TYPES) as [AlertType, ...AlertType[]];
export const PROCESS_TYPES = Object.keys(PROCESS_LEVELS) as readonly ProcessAlertType[];

/** Whether a level is at least another. */
export const atLeast = (level: Level, least: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(least);

/** The result of a rule for one source: whether it holds now. */
export interface Judgement<Type extends AlertType = AlertType> {
  readonly type: Type;
  /** A process, a deployment, `fleet`. */
  readonly source: string;
  readonly holds: boolean;
  /** One sentence with the figure; only if it holds. */
  readonly message: string;
  /** @default the type's */
  readonly level?: Level;
}
