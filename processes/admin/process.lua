--- Monitors the fleet: checks the health of its processes, keeps the results, raises alerts and shuts processes down in order.
local fleet = require("fleet")
local alerts = require("monitor.alerts")

fleet.process({
  name = "admin",
  processType = "ADMIN",
  version = "1.0.0",
  capabilities = { "ADMIN_OPERATIONS", "MONITORING", "MAINTENANCE" },
})

require("thresholds")
require("targets")
require("checks")
require("shutdown")
require("status")
alerts.declare()
