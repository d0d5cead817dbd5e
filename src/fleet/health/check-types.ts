/** The kinds of health checks, and which of them a request runs. `src/runtime/fleet/check-types.lua` is generated from them. */
export const CHECK_KINDS = ["STARTUP", "READINESS", "LIVENESS", "PERFORMANCE"] as const;

/** The kind of one check, which is the `checkType` of its line in a reply. */
export type CheckKind = (typeof CHECK_KINDS)[number];

/** The kinds that each `checkType` of a `HEALTH_CHECK` runs. */
export const CHECK_SETS = {
  STARTUP: ["STARTUP"],
  READINESS: ["READINESS"],
  LIVENESS: ["LIVENESS"],
  PERFORMANCE: ["PERFORMANCE"],
  ALL: CHECK_KINDS,
  POST_DEPLOYMENT: CHECK_KINDS,
  ROLLBACK_VERIFICATION: CHECK_KINDS,
  PRE_DEPLOYMENT: ["LIVENESS"],
  CONTINUOUS: ["LIVENESS", "PERFORMANCE"],
} as const satisfies Readonly<Record<string, readonly CheckKind[]>>;

/** The `checkType` of a request. */
export type CheckSet = keyof typeof CHECK_SETS;

/** The latest requests that a process needs before its `PERFORMANCE` check judges their share of faults. */
export const PERFORMANCE_SAMPLE = 20;
