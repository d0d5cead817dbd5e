--- The kinds of health checks, the kinds that each checkType of a request runs, the names of these sets, and the limits of PERFORMANCE.
-- Generated from src/fleet/health/check-types.ts and src/monitor/limits.ts by `npm run docs`; a test compares them.
return {
  kinds = { "STARTUP", "READINESS", "LIVENESS", "PERFORMANCE" },
  sets = {
    STARTUP = { "STARTUP" },
    READINESS = { "READINESS" },
    LIVENESS = { "LIVENESS" },
    PERFORMANCE = { "PERFORMANCE" },
    ALL = { "STARTUP", "READINESS", "LIVENESS", "PERFORMANCE" },
    POST_DEPLOYMENT = { "STARTUP", "READINESS", "LIVENESS", "PERFORMANCE" },
    ROLLBACK_VERIFICATION = { "STARTUP", "READINESS", "LIVENESS", "PERFORMANCE" },
    PRE_DEPLOYMENT = { "LIVENESS" },
    CONTINUOUS = { "LIVENESS", "PERFORMANCE" },
  },
  names = {
    "ALL",
    "CONTINUOUS",
    "LIVENESS",
    "PERFORMANCE",
    "POST_DEPLOYMENT",
    "PRE_DEPLOYMENT",
    "READINESS",
    "ROLLBACK_VERIFICATION",
    "STARTUP",
  },
  performance = { errorRate = 0.05, sample = 20 },
}
