--- The tick of the cron, and the status queries.
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local checks = require("checks")
local maintenance = require("maintenance")
local shutdown = require("shutdown")
local targets = require("targets")
local thresholds = require("thresholds")

-- From a cron or a deployer. No round begins before the interval has passed, whoever sends it.
fleet.on("PERIODIC_HEALTH_CHECK", { who = { "deployer", fleet.isCron }, data = false }, function(_, msg)
  local now = fleet.now(msg)
  shutdown.tick(now)
  alerts.sweep(now)
  local asked = checks.round(now)
  local figures = checks.figures()
  return { asked = asked, round = figures.rounds, nextAt = figures.lastRoundAt + thresholds.all().intervalMs }
end)

fleet.on("SYSTEM_STATUS", { data = false, readonly = true }, function(_, msg)
  local overall, passed, counts = checks.overall()
  local names, ids = targets.all()
  local processes = fleet.object()
  for _, id in ipairs(ids) do
    local refusal = targets.withoutLibrary(id)
    local entry = refusal or targets.known(id) or {}
    processes[id] = {
      name = names[id], code = entry.code, state = entry.state or "UNKNOWN", misses = entry.misses or 0, lastCheckAt = entry.lastCheckAt,
      lastAnswerAt = entry.lastAnswerAt, responseMs = entry.responseMs, since = entry.since, detail = entry.detail,
    }
  end
  local checked = checks.figures().checks > 0
  return {
    systemStatus = checked and overall or "UNKNOWN", passed = checked and passed, counts = counts, processes = processes,
    maintenance = maintenance.report(), openAlerts = alerts.counts(), shutdowns = shutdown.list(), at = fleet.now(msg),
  }
end)

fleet.on("MONITORING_STATISTICS", { data = false, readonly = true }, function()
  return { statistics = checks.figures(), thresholds = thresholds.all(), alerts = alerts.counts(), process = fleet.statistics() }
end)
