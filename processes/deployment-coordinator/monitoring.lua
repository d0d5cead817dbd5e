--- Figures for people and dashboards. Null where AO provides none.
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local deployments = require("deployments")
local distribution = require("distribution")
local ledger = require("ledger")
local registrations = require("registrations")
local rounds = require("rounds")
local rules = require("rules")
local verdict = require("monitor.verdict")

local function merged()
  local statistics = fleet.statistics()
  for key, value in pairs(deployments.figures()) do statistics[key] = value end
  return statistics
end

local function processInfo()
  return {
    name = "deployment-coordinator", version = "1.0.0", epoch = fleet.epoch(), registeredProcesses = registrations.count(),
    ledgerLength = ledger.length(),
  }
end

local function registeredHealth()
  local states, unknown = {}, 0
  for id, entry in pairs(registrations.all()) do
    if entry.health then states[id] = entry.health.status else unknown = unknown + 1 end
  end
  local counts = verdict.count(states)
  counts.UNKNOWN, counts.total = unknown, counts.total + unknown
  return counts
end

fleet.on("GET_STATISTICS", { always = true, data = false, readonly = true }, function()
  return { statistics = merged(), processInfo = processInfo() }
end)

local function uptime(msg)
  local started = fleet.statistics().startedAt
  return started > 0 and math.max(0, fleet.now(msg) - started) // 1000 or 0
end

fleet.on("SYSTEM_HEALTH", { data = false }, function(_, msg)
  local now = fleet.now(msg)
  rules.ownPerformance(now)
  alerts.sweep(now)
  local figures = deployments.figures()
  local open = alerts.counts()
  local status = open.CRITICAL > 0 and "UNHEALTHY" or (open.ERROR + open.WARNING) > 0 and "DEGRADED" or "HEALTHY"
  return {
    healthSummary = {
      deploymentCoordinatorStatus = status, activeDeployments = figures.activeDeployments,
      registeredProcesses = registrations.count(), processHealth = registeredHealth(), openAlerts = open,
      statistics = merged(), uptime = uptime(msg), epoch = fleet.epoch(),
    },
  }
end)

fleet.on("DEPLOYMENT_MONITORING_REPORT", { data = false }, function(_, msg)
  local now = fleet.now(msg)
  rules.ownPerformance(now)
  alerts.sweep(now)
  local own, figures, round = fleet.statistics(), deployments.figures(), rounds.figures()
  local seconds = uptime(msg)
  local null = fleet.json.NULL
  return {
    deploymentStatistics = {
      totalDeployments = figures.totalDeployments, successfulDeployments = figures.successfulDeployments,
      failedDeployments = figures.failedDeployments, averageDeploymentTime = figures.averageDeploymentTime,
      rollbackRate = figures.rollbackRate,
    },
    performanceMetrics = {
      -- From request to reply of the checked processes, in scheduler time; this process has no clock to time itself.
      messageProcessingTime = round.averageAnswerMs or null,
      -- Messages per minute since the first load.
      throughput = seconds > 0 and own.messages * 60 / seconds or null,
      coordinatorMemoryUsage = own.luaHeapKB / 1024,
      coordinatorCpuUsage = null,
    },
    healthChecks = { total = round.healthChecks, failed = round.failedHealthChecks },
    configVersions = distribution.current(),
    alerts = alerts.list("OPEN"),
    generatedAt = now,
  }
end)
