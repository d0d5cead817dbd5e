--- Health checks of one process or all, on request or at a tick of the cron.
local cut = require("fleet.cut")
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local targets = require("targets")
local thresholds = require("thresholds")
local verdict = require("monitor.verdict")

local checks = {}

local state = fleet.state("checks", { rounds = 0, lastRoundAt = 0, asked = 0, answered = 0, failed = 0, answerMs = 0, running = 0 })

local function reasons(reply)
  local list = {}
  for _, check in ipairs(type(reply.checks) == "table" and reply.checks or {}) do
    if type(check) == "table" and check.status ~= "HEALTHY" then
      list[#list + 1] = cut(tostring(check.name), 60) .. ": " .. cut(tostring(check.detail or check.status), 120)
    end
  end
  if type(reply.error) == "table" then list[#list + 1] = tostring(reply.error.code) end
  return #list > 0 and cut(table.concat(list, "; "), 400) or nil
end

local function ask(id, request, done)
  local started, limits = fleet.now(), thresholds.all()
  state.asked = state.asked + 1
  fleet.ask(id, "HEALTH_CHECK", { healthCheck = request }, function(reply, answer)
    local refusal = targets.withoutLibrary(id)
    -- The request was sent before the wiring said that the process has no library.
    if refusal then return done("UNKNOWN", reply, nil, { state = "UNKNOWN", detail = refusal.detail }) end
    local outcome = verdict.ofReply(reply)
    local responseMs = answer and math.max(0, fleet.now() - started) or nil
    if answer then
      state.answered = state.answered + 1
      state.answerMs = state.answerMs + responseMs
    end
    if outcome == "UNHEALTHY" or outcome == "OFFLINE" then state.failed = state.failed + 1 end
    local entry = targets.note(id, outcome, responseMs, reasons(reply), fleet.now())
    done(outcome, reply, responseMs, entry)
  end, { timeout = limits.timeoutMs })
end

local function judge(ids, limits)
  local states = {}
  for _, id in ipairs(ids) do
    local entry = targets.known(id)
    states[id] = targets.withoutLibrary(id) and "UNKNOWN" or entry and entry.state ~= "UNKNOWN" and entry.state or "OFFLINE"
  end
  local counts = verdict.count(states)
  return verdict.overall(counts, limits), verdict.passes(counts, limits), counts
end

fleet.on("ADMIN_HEALTH_CHECK", {
  who = "peer",
  schema = {
    targetProcessId = { type = "string", minLength = 1, maxLength = 128, pattern = "^[%w%-_]+$" },
    validationId = { type = "string", maxLength = 128 },
    deploymentId = { type = "string", maxLength = 128 },
    requestedBy = { type = "string", maxLength = 128 },
    urgency = { type = "string", enum = { "LOW", "NORMAL", "HIGH", "CRITICAL" } },
    checkType = { type = "string", maxLength = 32 },
    watch = { type = "boolean" },
  },
}, function(data, msg)
  local ids
  if data.targetProcessId then
    ids = { targets.resolve(data.targetProcessId) }
    if data.watch and fleet.is(msg, "deployer") then targets.watch(ids[1]) end
  else
    local _, all = targets.all()
    ids = all
  end
  if #ids == 0 then
    error(fleet.fail("NO_PROCESSES", "no process is monitored", "Wire peers, or set targetProcessId."))
  end
  local names = targets.all()
  local results, asked = fleet.object(), {}
  for _, id in ipairs(ids) do
    local refusal = targets.withoutLibrary(id)
    if refusal then
      results[id] = { name = names[id], healthStatus = "UNKNOWN", state = "UNKNOWN", code = refusal.code, detail = refusal.detail }
    else
      asked[#asked + 1] = id
    end
  end
  local function verdictOf()
    local limits = thresholds.all()
    local states = {}
    for each, result in pairs(results) do states[each] = result.healthStatus end
    local counts = verdict.count(states)
    return {
      validationId = data.validationId, deploymentId = data.deploymentId, targetProcessId = data.targetProcessId,
      healthStatus = verdict.overall(counts, limits), passed = verdict.passes(counts, limits), counts = counts, results = results,
      retryAfterSeconds = counts.OFFLINE > 0 and limits.retryDelayMs / 1000 or nil, urgency = data.urgency,
    }
  end
  local open = #asked
  if open == 0 then return verdictOf() end
  for _, id in ipairs(asked) do
    local request = { checkType = data.checkType or "ALL", nonce = fleet.correlation(msg), deploymentId = data.deploymentId }
    ask(id, request, function(outcome, reply, responseMs, entry)
      results[id] = {
        name = names[id] or id, healthStatus = outcome, state = entry.state, misses = entry.misses, version = reply.version,
        release = reply.release, epoch = reply.epoch, responseMs = responseMs, detail = entry.detail,
      }
      open = open - 1
      if open == 0 then fleet.reply(msg, verdictOf()) end
    end)
  end
  return fleet.later(msg)
end)

--- Starts a round, unless the last one began less than an interval ago.
function checks.round(now, force)
  local limits = thresholds.all()
  if not force and state.rounds > 0 and now - state.lastRoundAt < limits.intervalMs then return 0 end
  local ids = targets.reachable(now)
  state.rounds, state.lastRoundAt = state.rounds + 1, now
  local open, failed = #ids, 0
  if open == 0 then alerts.resolve("HEALTH_CHECK_FAILURE_RATE_HIGH", "fleet", now) end
  for _, id in ipairs(ids) do
    ask(id, { checkType = "CONTINUOUS", nonce = "round-" .. state.rounds }, function(outcome)
      open = open - 1
      if outcome == "UNHEALTHY" or outcome == "OFFLINE" then failed = failed + 1 end
      if open > 0 then return end
      local source, rate = "fleet", failed / #ids
      if rate > limits.errorRate then
        alerts.raise("HEALTH_CHECK_FAILURE_RATE_HIGH", source, string.format("%d of %d health checks failed", failed, #ids), fleet.now())
      else
        alerts.resolve("HEALTH_CHECK_FAILURE_RATE_HIGH", source, fleet.now())
      end
    end)
  end
  return #ids
end

--- Statistics of all checks so far.
function checks.figures()
  return {
    rounds = state.rounds, lastRoundAt = state.lastRoundAt, checks = state.asked, answered = state.answered, failed = state.failed,
    averageResponseMs = state.answered > 0 and state.answerMs / state.answered or nil,
  }
end

--- The overall state, whether it passes, and the counts of the monitored processes.
function checks.overall()
  local _, ids = targets.all()
  return judge(ids, thresholds.all())
end

return checks
