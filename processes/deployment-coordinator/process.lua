--- The fleet's ledger: who deployed what under which epoch, which processes exist, and their health.
local fleet = require("fleet")
local alerts = require("monitor.alerts")

fleet.process({
  name = "deployment-coordinator",
  processType = "DEPLOYMENT_COORDINATOR",
  version = "1.0.0",
  capabilities = { "DEPLOYMENT_COORDINATION", "HEALTH_VALIDATION", "ROLLBACK_MANAGEMENT" },
})

require("deployments")
require("registrations")
require("distribution")
require("changes")
require("requests")
require("rounds")
require("monitoring")
alerts.declare()
