/** Levels of alerts, the mildest first. */
export const LEVELS = ["INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export type Level = (typeof LEVELS)[number];

/** Every type of alert with its level; `src/runtime/monitor/defaults.lua` is made of it. */
export const TYPES = {
  /** More than 10 % of more than 10 deployments failed. */
  DEPLOYMENT_FAILURE_RATE_HIGH: "ERROR",
  /** More than 15 % of more than 10 deployments were rolled back. */
  ROLLBACK_RATE_HIGH: "WARNING",
  /** Deployments take more than 600 s on average. */
  DEPLOYMENT_TIME_EXCEEDED: "WARNING",
  /** More than 5 % of a round's checks failed. */
  HEALTH_CHECK_FAILURE_RATE_HIGH: "ERROR",
  /** The ledger errs or is slow. */
  COORDINATOR_PERFORMANCE_DEGRADED: "WARNING",
  /** The ledger could not bring settings to all their targets. */
  CONFIG_DISTRIBUTION_FAILED: "ERROR",
  /** The fleet was brought back to an earlier release. */
  ROLLBACK_EXECUTED: "WARNING",
  /** Bringing it back did not work. */
  ROLLBACK_FAILED: "CRITICAL",
  /** A process refuses one message after another. */
  SECURITY_ALERT: "CRITICAL",
  /** No answer three rounds in a row. */
  PROCESS_OFFLINE: "CRITICAL",
  /** By its own word, or its answer is none. */
  PROCESS_UNHEALTHY: "ERROR",
  /** Requests end in Lua errors. */
  PROCESS_ERROR: "ERROR",
  /** Slow, or degraded by its own word. */
  PROCESS_DEGRADED: "WARNING",
  /** Messages wait and none is evaluated. */
  PROCESS_STUCK: "ERROR",
  /** It does not run what was deployed. */
  PROCESS_DRIFT: "ERROR",
} as const satisfies Record<string, Level>;

export type AlertType = keyof typeof TYPES;

export const TYPE_NAMES = Object.keys(TYPES) as [AlertType, ...AlertType[]];

/** Whether a level is at least another. */
export const atLeast = (level: Level, least: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(least);

/** What a rule says about one thing: it holds now, or it does not. */
export interface Judgement {
  readonly type: AlertType;
  /** A process, a deployment, `fleet`. */
  readonly source: string;
  readonly holds: boolean;
  /** One sentence with the figure; only where it holds. */
  readonly message: string;
  /** @default the type's */
  readonly level?: Level;
}
