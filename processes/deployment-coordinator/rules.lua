--- The alerts that the ledger raises itself.
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local defaults = require("monitor.defaults")

local rules = {}

local LIMITS, ERROR_RATE = defaults.deployments, defaults.checks.errorRate

local SOURCE = "deployment-coordinator"

local function judge(kind, above, message, now)
  if above then
    alerts.raise(kind, SOURCE, message, now)
  else
    alerts.resolve(kind, SOURCE, now)
  end
end

--- After a deployment began, ended or was rolled back.
function rules.afterDeployment(figures, now)
  local total = figures.totalDeployments
  local finished = total - figures.activeDeployments
  local failures = finished == 0 and 0 or figures.failedDeployments / finished
  local rollbacks = figures.rollbackRate / 100
  judge("DEPLOYMENT_FAILURE_RATE_HIGH", total > LIMITS.deploymentSample and failures > LIMITS.failureRate,
    string.format("%.1f %% of %d deployments failed, expected at most %.0f %%", failures * 100, finished, LIMITS.failureRate * 100), now)
  judge("ROLLBACK_RATE_HIGH", total > LIMITS.deploymentSample and rollbacks > LIMITS.rollbackRate,
    string.format("%.1f %% of %d deployments were rolled back, expected at most %.0f %%", rollbacks * 100, total, LIMITS.rollbackRate * 100), now)
  judge("DEPLOYMENT_TIME_EXCEEDED", figures.averageDeploymentTime > LIMITS.deploymentSeconds,
    string.format("deployments take %.0f s on average, expected at most %d s", figures.averageDeploymentTime, LIMITS.deploymentSeconds), now)
end

--- After a round of health checks.
function rules.afterRound(asked, failed, now)
  judge("HEALTH_CHECK_FAILURE_RATE_HIGH", asked > 0 and failed / asked > ERROR_RATE,
    string.format("%d of %d health checks failed, expected at most %.0f %%", failed, asked, ERROR_RATE * 100), now)
end

--- The coordinator's own performance, evaluated whenever figures are requested.
function rules.ownPerformance(now)
  local own = fleet.statistics()
  local handled = own.messages
  local rate = handled == 0 and 0 or own.errors / handled
  local used, allowed = own.luaHeapKB / 1024, fleet.config("RESOURCE_LIMITS", "maxMemoryMB")
  local full = allowed ~= nil and used > allowed
  judge("COORDINATOR_PERFORMANCE_DEGRADED", full or (handled >= LIMITS.coordinatorSample and rate > ERROR_RATE),
    full and string.format("%.1f MB of Lua heap, allowed: %s MB", used, allowed)
      or string.format("%.1f %% of %d messages ended in a fault", rate * 100, handled), now)
end

return rules
