--- The interval of the checks, and the thresholds of the health states.
local fleet = require("fleet")
local rules = require("monitor.threshold-rules")
local verdict = require("monitor.verdict")

local thresholds = {}

local state = fleet.state("thresholds", { set = {} })

--- All thresholds: the defaults of `monitor.verdict`, overridden by HEALTH_THRESHOLD_CONFIG.
-- `MONITORING_CONFIG.healthCheckInterval` sets the interval unless HEALTH_THRESHOLD_CONFIG does.
function thresholds.all()
  local result = {}
  for name, value in pairs(verdict.DEFAULTS) do result[name] = value end
  result.intervalMs = fleet.config("MONITORING_CONFIG", "healthCheckInterval", result.intervalMs)
  for name, value in pairs(state.set) do result[name] = value end
  return result
end

fleet.on("HEALTH_THRESHOLD_CONFIG", {
  who = "deployer", schema = { thresholds = { type = "table", fields = rules, strict = true } },
}, function(data)
  for name, value in pairs(data.thresholds or {}) do state.set[name] = value end
  return { thresholds = thresholds.all() }
end)

return thresholds
