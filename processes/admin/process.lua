--- Watches the fleet: asks its processes for their health, keeps what they said, alerts, and shuts down in order.
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

-- What others saw. The security process reports incidents so.
fleet.on("RAISE_ALERT", {
  who = "peer",
  schema = {
    type = { type = "string", required = true, enum = alerts.NAMES },
    source = { type = "string", required = true, minLength = 1, maxLength = 128 },
    message = { type = "string", required = true, maxLength = 500 },
    level = { type = "string", enum = { "INFO", "WARNING", "ERROR", "CRITICAL" } },
  },
}, function(data, msg)
  local alert = alerts.raise(data.type, data.source, data.message, fleet.now(msg), data.level)
  return { alertId = alert and alert.alertId or nil, silenced = alert == nil }
end)
