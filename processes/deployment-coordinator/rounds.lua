--- Rounds of health checks: asks the registered processes and collects their answers.
local cut = require("fleet.cut")
local fleet = require("fleet")
local registrations = require("registrations")
local rules = require("rules")
local types = require("fleet.check-types")
local verdict = require("monitor.verdict")

local rounds = {}

local state = fleet.state("rounds", { asked = 0, failed = 0, answered = 0, answerMs = 0 })

local function checksOf(reply)
  local result = {}
  for _, check in ipairs(type(reply.checks) == "table" and reply.checks or {}) do
    if type(check) == "table" and check.status ~= "HEALTHY" then
      result[#result + 1] = {
        name = cut(tostring(check.name), 100), checkType = cut(tostring(check.checkType), 20),
        status = cut(tostring(check.status), 20), detail = cut(tostring(check.detail or ""), 300),
      }
    end
  end
  return result
end

local function close(round, msg)
  local states = {}
  for id, result in pairs(round.results) do states[id] = result.status end
  local counts = verdict.count(states)
  state.asked = state.asked + counts.total
  state.failed = state.failed + counts.UNHEALTHY + counts.OFFLINE
  rules.afterRound(counts.total, counts.UNHEALTHY + counts.OFFLINE, fleet.now())
  fleet.reply(msg, {
    healthStatus = verdict.overall(counts), passed = verdict.passes(counts), counts = counts, processHealthResults = round.results,
    checkType = round.checkType, deploymentId = round.deploymentId, epoch = fleet.epoch(),
  })
end

fleet.on("DEPLOYMENT_HEALTH_CHECK", {
  who = "peer",
  schema = {
    healthCheck = {
      type = "table",
      fields = {
        deploymentId = { type = "string", maxLength = 128 },
        checkType = { type = "string", enum = types.names },
        timeoutSeconds = { type = "number", min = 1, max = 3600 },
        expectedVersion = { type = "string", maxLength = 64 },
        targetProcesses = { type = "array", maxLength = 1000, items = { type = "string", maxLength = 128 } },
      },
    },
  },
}, function(data, msg)
  local request = data.healthCheck or {}
  local ids = registrations.resolve(request.targetProcesses)
  if #ids == 0 then
    error(fleet.fail("NO_PROCESSES", "no process is registered", "Deploy, or register processes."))
  end
  local round = {
    checkType = request.checkType or "POST_DEPLOYMENT", deploymentId = request.deploymentId, results = fleet.object(), open = #ids,
  }
  local started = fleet.now(msg)
  local seconds = request.timeoutSeconds or 30
  for _, id in ipairs(ids) do
    fleet.ask(id, "HEALTH_CHECK", {
      healthCheck = {
        checkType = round.checkType, nonce = fleet.correlation(msg), expectedVersion = request.expectedVersion,
        deploymentId = request.deploymentId, timeoutSeconds = seconds,
      },
    }, function(reply, answer)
      local status = verdict.ofReply(reply)
      local result = {
        name = registrations.name(id), status = status, version = reply.version, release = reply.release, epoch = reply.epoch,
        findings = checksOf(reply), code = reply.error and reply.error.code or nil,
        responseMs = answer and math.max(0, fleet.now() - started) or nil,
      }
      if answer then
        state.answered = state.answered + 1
        state.answerMs = state.answerMs + result.responseMs
      end
      round.results[id] = result
      registrations.setHealth(id, { status = status, at = fleet.now() })
      round.open = round.open - 1
      if round.open == 0 then close(round, msg) end
    end, { timeout = math.floor(seconds * 1000) })
  end
  return fleet.later(msg)
end)

--- How many processes were asked, how many failed, and how long answers took in scheduler time.
function rounds.figures()
  return {
    healthChecks = state.asked, failedHealthChecks = state.failed,
    averageAnswerMs = state.answered > 0 and state.answerMs / state.answered or nil,
  }
end

return rounds
