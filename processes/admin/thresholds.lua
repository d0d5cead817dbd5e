--- The interval of the checks, and the thresholds of the health states.
local fleet = require("fleet")
local verdict = require("monitor.verdict")

local thresholds = {}

local state = fleet.state("thresholds", { set = {} })

local SHARE = { type = "number", min = 0, max = 1 }
local FIELDS = {
  intervalMs = { type = "integer", min = 1000, max = 86400000 },
  timeoutMs = { type = "integer", min = 100, max = 3600000 },
  missesToOffline = { type = "integer", min = 1, max = 100 },
  retries = { type = "integer", min = 0, max = 100 },
  retryDelayMs = { type = "integer", min = 100, max = 3600000 },
  offlineShare = SHARE, healthyShare = SHARE, degradedShare = SHARE,
  passHealthyShare = SHARE, passOfflineShare = SHARE, passUnhealthyShare = SHARE,
  errorRate = SHARE,
  responseMs = { type = "integer", min = 1, max = 3600000 },
}

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
  who = "deployer", schema = { thresholds = { type = "table", fields = FIELDS, strict = true } },
}, function(data)
  for name, value in pairs(data.thresholds or {}) do state.set[name] = value end
  return { thresholds = thresholds.all() }
end)

return thresholds
