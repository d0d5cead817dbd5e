--- The types of a rollback, and the phases that may follow each of its phases.
-- Generated from src/fleet/protocol/rollback.ts by `npm run docs`; a test compares the two.
return {
  types = { "DEPLOYMENT", "CONFIGURATION", "VERSION", "STATE", "EMERGENCY" },
  next = {
    PENDING = { "PREPARING", "CANCELLED", "FAILED" },
    PREPARING = { "ROLLING_BACK", "CANCELLED", "FAILED" },
    ROLLING_BACK = { "VALIDATING", "PARTIAL", "CANCELLED", "FAILED" },
    VALIDATING = { "COMPLETED", "PARTIAL", "FAILED" },
    PARTIAL = { "ROLLING_BACK", "VALIDATING", "FAILED" },
  },
}
