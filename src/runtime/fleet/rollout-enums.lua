--- The enums of a rollout. Generated from src/delivery by `npm run docs`; a test compares the two.
return {
  deploymentStrategies = { "DEPENDENCY_AWARE", "SEQUENTIAL", "PARALLEL", "ROLLING", "BLUE_GREEN" },
  trafficStrategies = { "INSTANT", "GRADUAL", "CANARY", "A_B_TEST" },
  holdCodes = { "gate", "paused", "inconclusive", "error", "disputed", "uncompared", "failed", "stranded", "abandoned" },
  faultCodes = { "INTERNAL", "TIMEOUT", "BAD_REPLY", "SERVICE_FAULT", "CANCELLED", "GONE", "BUSY", "MEMORY_LIMIT" },
}
