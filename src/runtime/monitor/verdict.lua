--- The verdict on a fleet from the states of its processes.
local defaults = require("monitor.defaults")

local verdict = {}

--- The thresholds, as shares of all processes; times in ms.
verdict.DEFAULTS = defaults.checks

--- The state of one process from its reply to HEALTH_CHECK: OFFLINE without a reply, UNHEALTHY for an error.
function verdict.ofReply(reply)
  if type(reply) ~= "table" then return "OFFLINE" end
  if reply.success == true then
    local status = reply.healthStatus
    if status == "HEALTHY" or status == "DEGRADED" or status == "UNHEALTHY" then return status end
    return "UNHEALTHY"
  end
  local code = type(reply.error) == "table" and reply.error.code
  return code == "TIMEOUT" and "OFFLINE" or "UNHEALTHY"
end

--- Counts states. UNKNOWN, for peers without the library, which nobody can ever ask, counts in `total` but is neither healthy nor unhealthy.
-- @tparam table states key → state
function verdict.count(states)
  local counts = { HEALTHY = 0, DEGRADED = 0, UNHEALTHY = 0, OFFLINE = 0, UNKNOWN = 0, total = 0 }
  for _, state in pairs(states) do
    counts[state] = (counts[state] or 0) + 1
    counts.total = counts.total + 1
  end
  return counts
end

--- The fleet's state: more than a quarter OFFLINE → OFFLINE; fewer than 95 % up (healthy or degraded) → UNHEALTHY; more
-- than a quarter DEGRADED → DEGRADED; over the processes that can be asked. UNKNOWN if none can be asked, and UNHEALTHY for an
-- empty fleet. As in `src/monitor/verdict.ts`, except for UNKNOWN: there a unit kept a process from being read in this round, so too many of
-- them leave the fleet unknown, and they do not count as healthy.
function verdict.overall(counts, limits)
  limits = limits or verdict.DEFAULTS
  local n = counts.total - counts.UNKNOWN
  if n == 0 then return counts.total > 0 and "UNKNOWN" or "UNHEALTHY" end
  if counts.OFFLINE / n > limits.offlineShare then return "OFFLINE" end
  if (counts.HEALTHY + counts.DEGRADED) / n < limits.healthyShare then return "UNHEALTHY" end
  if counts.DEGRADED / n > limits.degradedShare then return "DEGRADED" end
  return "HEALTHY"
end

--- Whether the fleet passes: at least 95 % healthy, at most 10 % offline, at most 5 % unhealthy, of those that can be asked.
function verdict.passes(counts, limits)
  limits = limits or verdict.DEFAULTS
  local n = counts.total - counts.UNKNOWN
  return n > 0
    and counts.HEALTHY / n >= limits.passHealthyShare
    and counts.OFFLINE / n <= limits.passOfflineShare
    and counts.UNHEALTHY / n <= limits.passUnhealthyShare
end

return verdict
