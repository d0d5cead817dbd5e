--- Deployments: each takes the epoch by compare-and-set when it begins, reports its progress, and ends once.
local cut = require("fleet.cut")
local enums = require("fleet.rollout-enums")
local fleet = require("fleet")
local ledger = require("ledger")
local rules = require("rules")

local deployments = {}

local KEPT = 200
local MANIFESTS_KEPT = 50
local MAX_MANIFEST = 512 * 1024
--- Milliseconds of scheduler time for which a run counts as alive after its last message.
local ALIVE_FOR = 150 * 1000

local state = fleet.state("deployments", {
  byId = {}, order = {}, total = 0, successful = 0, failed = 0, rolledBack = 0, seconds = 0, timed = 0,
})

--- HELD: the rollout waits for a decision, and a later run continues it. Neither a success nor a failure.
local ENDS = { "COMPLETED", "FAILED", "ROLLED_BACK", "HELD" }

local REQUEST = {
  deploymentId = { type = "string", minLength = 1, maxLength = 128 },
  targetProcesses = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 128 } },
  deploymentStrategy = { type = "string", enum = enums.deploymentStrategies },
  configuration = { type = "table" },
  rollbackEnabled = { type = "boolean" },
  healthCheckTimeout = { type = "number", min = 0, max = 86400 },
  adminUserId = { type = "string", maxLength = 128 },
  status = { type = "string", enum = ENDS },
  reason = { type = "string", maxLength = 1000 },
  releaseHash = { type = "string", maxLength = 128 },
  manifest = { type = "table" },
  processes = { type = "table" },
  operator = { type = "string", maxLength = 128 },
  takeOver = { type = "boolean" },
  beat = { type = "integer", min = 0 },
}

local function idOf(msg, request)
  local id = fleet.tag(msg, "Deployment-Id") or request.deploymentId
  if id == nil or id == "" or #id > 128 then
    error(fleet.fail("INVALID_DATA", "the deployment has no id", "Send it in the tag Deployment-Id."))
  end
  return id
end

local function stale(msg, needed)
  error(fleet.fail(
    "STALE_EPOCH",
    string.format("epoch %s is not accepted: this requires epoch %d", cut(fleet.tag(msg, "Epoch") or "(missing)", 20), needed),
    "Another deployment began in the meantime. Read the epoch with Info and start again.",
    { epoch = fleet.epoch() }
  ))
end

local function epochOf(msg)
  local text = fleet.tag(msg, "Epoch")
  return text and text:match("^%d+$") and math.tointeger(tonumber(text)) or nil
end

local function answer(deployment)
  return {
    deploymentId = deployment.deploymentId, epoch = deployment.epoch, status = deployment.status, phase = deployment.phase,
    startedAt = deployment.startedAt, finishedAt = deployment.finishedAt,
  }
end

-- cause: TAKEN_OVER or UNFINISHED if another run ended this one, nil if it ended itself. The reason is for display only.
local function finishAs(deployment, status, reason, msg, cause)
  deployment.status, deployment.phase, deployment.reason = status, status, reason
  deployment.finishedAt = fleet.now(msg)
  if status == "COMPLETED" then state.successful = state.successful + 1
  elseif status ~= "HELD" then state.failed = state.failed + 1 end
  if status == "ROLLED_BACK" then state.rolledBack = state.rolledBack + 1 end
  state.seconds = state.seconds + math.max(0, deployment.finishedAt - deployment.startedAt) / 1000
  state.timed = state.timed + 1
  ledger.write("DEPLOYMENT_FINISHED", {
    deploymentId = deployment.deploymentId, epoch = deployment.epoch, status = status, reason = reason, cause = cause,
    releaseHash = deployment.releaseHash, manifestHash = deployment.manifestHash,
  }, msg)
end

local function forgetOld()
  while #state.order > KEPT do
    local id = table.remove(state.order, 1)
    state.byId[id] = nil
  end
  for i = 1, #state.order - MANIFESTS_KEPT do
    local old = state.byId[state.order[i]]
    if old then old.manifest = nil end
  end
end

--- Refuses a run while another operator's run is in progress and alive. An operator runs one deployment at a time, so their own earlier run is dead.
local function refuseConcurrent(request, msg)
  if request.takeOver then return end
  for _, other in pairs(state.byId) do
    local silent = fleet.now(msg) - (other.seenAt or other.startedAt)
    -- A run with an older epoch is already fenced.
    local isCurrent = other.status == "RUNNING" and other.epoch == fleet.epoch()
    if isCurrent and other.operator ~= request.operator and silent < ALIVE_FOR then
      error(fleet.fail(
        "DEPLOYMENT_IN_PROGRESS",
        string.format(
          "%s of operator %s is in progress: it began %d s ago and last reported %d s ago",
          other.deploymentId, other.operator or other.from, (fleet.now(msg) - other.startedAt) // 1000, silent // 1000
        ),
        string.format(
          "Wait until it ends or has not reported for %d s. If it is dead, take over: npx fleet deploy --take-over, or FLEET_TAKE_OVER=1 pulumi up.",
          ALIVE_FOR // 1000
        ),
        { deploymentId = other.deploymentId, operator = other.operator, startedAt = other.startedAt, seenAt = other.seenAt }
      ))
    end
  end
end

local function begin(request, msg)
  local id = idOf(msg, request)
  local known = state.byId[id]
  if known then return answer(known) end
  refuseConcurrent(request, msg)
  if epochOf(msg) ~= fleet.epoch() then stale(msg, fleet.epoch()) end
  for _, other in pairs(state.byId) do
    if other.status == "RUNNING" then
      if request.takeOver then
        finishAs(other, "FAILED", "taken over by " .. id, msg, "TAKEN_OVER")
      else
        finishAs(other, "FAILED", "it never finished; " .. id .. " began after it", msg, "UNFINISHED")
      end
    end
  end
  fleet.setEpoch(fleet.epoch() + 1)
  local deployment = {
    deploymentId = id, epoch = fleet.epoch(), status = "RUNNING", phase = "RUNNING", startedAt = fleet.now(msg), seenAt = fleet.now(msg),
    from = msg.From, operator = request.operator,
    strategy = request.deploymentStrategy or "DEPENDENCY_AWARE", targetProcesses = request.targetProcesses or {},
    rollbackEnabled = request.rollbackEnabled ~= false, healthCheckTimeout = request.healthCheckTimeout,
    adminUserId = request.adminUserId, processes = fleet.object(),
  }
  state.byId[id] = deployment
  table.insert(state.order, id)
  state.total = state.total + 1
  forgetOld()
  ledger.write("DEPLOYMENT_BEGUN", { deploymentId = id, epoch = deployment.epoch, strategy = deployment.strategy }, msg)
  rules.afterDeployment(deployments.figures(), fleet.now(msg))
  return answer(deployment)
end

local function running(request, msg)
  local id = idOf(msg, request)
  local deployment = state.byId[id]
  if not deployment then
    error(fleet.fail("UNKNOWN_DEPLOYMENT", "there is no deployment " .. id, "Begin it first, or use an id that LEDGER lists."))
  end
  return deployment
end

local function checkEpoch(deployment, msg)
  if epochOf(msg) ~= deployment.epoch or deployment.epoch ~= fleet.epoch() then stale(msg, deployment.epoch) end
end

--- A heartbeat with the results of single processes so far, including ids that must not be lost. Merged by name.
local function progress(request, msg)
  local deployment = running(request, msg)
  checkEpoch(deployment, msg)
  if deployment.status ~= "RUNNING" then return answer(deployment) end
  deployment.seenAt = fleet.now(msg)
  for name, result in pairs(request.processes or {}) do
    if type(result) ~= "table" or type(name) ~= "string" or #name > 128 then
      error(fleet.fail("INVALID_DATA", "processes is not a table of results by name", "Send { name: { status, processId, … } }."))
    end
    local kept = deployment.processes[name] or {}
    for _, key in ipairs({ "status", "processId", "version", "sourceHash", "reason", "seconds" }) do
      local value = result[key]
      if type(value) == "string" then kept[key] = cut(value, 300) elseif type(value) == "number" then kept[key] = value end
    end
    kept.at = fleet.now(msg)
    deployment.processes[name] = kept
    ledger.write("PROCESS_PROGRESS", {
      deploymentId = deployment.deploymentId, epoch = deployment.epoch, process = name, processId = kept.processId, status = kept.status,
    }, msg)
  end
  return answer(deployment)
end

local function finish(request, msg)
  local deployment = running(request, msg)
  checkEpoch(deployment, msg)
  if deployment.status ~= "RUNNING" then return answer(deployment) end
  if request.manifest then
    local text = fleet.json.encode(request.manifest)
    if #text > MAX_MANIFEST then
      error(fleet.fail("TOO_LARGE", "the manifest has " .. #text .. " bytes, the limit is " .. MAX_MANIFEST, "Send a smaller manifest."))
    end
    -- As a string: one value to store and to hash, whatever it contains.
    deployment.manifest, deployment.manifestHash = text, fleet.sha256(text)
    for name, result in pairs(type(request.manifest.processes) == "table" and request.manifest.processes or {}) do
      if type(name) == "string" and type(result) == "table" then
        deployment.processes[name] = {
          status = type(result.status) == "string" and result.status or "DEPLOYED",
          processId = type(result.processId) == "string" and result.processId or nil,
          at = fleet.now(msg),
        }
      end
    end
  end
  deployment.releaseHash = request.releaseHash
  finishAs(deployment, request.status or "COMPLETED", request.reason, msg)
  rules.afterDeployment(deployments.figures(), fleet.now(msg))
  return answer(deployment)
end

local PHASES = { begin = begin, progress = progress, finish = finish }

local schema = { deployRequest = { type = "table", fields = REQUEST } }
for name, rule in pairs(REQUEST) do schema[name] = rule end

fleet.on("DEPLOY_PROCESS", { who = "deployer", schema = schema }, function(data, msg)
  local phase = fleet.tag(msg, "Phase") or "begin"
  local run = PHASES[phase]
  if not run then
    error(fleet.fail("INVALID_DATA", "unknown phase " .. cut(phase, 40), "Set the tag Phase to begin, progress or finish."))
  end
  return run(data.deployRequest or data, msg)
end)

fleet.on("DEPLOYMENT_STATUS", { readonly = true, schema = { deploymentId = { type = "string", maxLength = 128 } } }, function(data, msg)
  local id = fleet.tag(msg, "Deployment-Id") or data.deploymentId or state.order[#state.order]
  local deployment = id and state.byId[id]
  if not deployment then
    local other = id and require("requests").find(id)
    if other then return other end
    error(fleet.fail("UNKNOWN_DEPLOYMENT", "there is no deployment " .. cut(tostring(id), 128), "Use an id that LEDGER lists."))
  end
  local result = {}
  for key, value in pairs(deployment) do result[key] = value end
  result.manifest = deployment.manifest and fleet.json.decode(deployment.manifest) or nil
  return result
end)

--- The deployment with this id, or nil.
function deployments.find(id)
  return state.byId[id]
end

--- Records that a deployment was rolled back.
function deployments.rolledBack(id, msg)
  local deployment = state.byId[id]
  if not deployment or deployment.status == "ROLLED_BACK" then return end
  if deployment.status == "COMPLETED" then state.successful = state.successful - 1
  elseif deployment.status ~= "HELD" then state.failed = state.failed - 1 end
  deployment.status, deployment.phase, deployment.rolledBackAt = "ROLLED_BACK", "ROLLED_BACK", fleet.now(msg)
  state.rolledBack = state.rolledBack + 1
  state.failed = state.failed + 1
  rules.afterDeployment(deployments.figures(), fleet.now(msg))
end

--- Figures for statistics and alerts. Times in seconds; `rollbackRate` in percent.
function deployments.figures()
  local active = 0
  for _, deployment in pairs(state.byId) do
    if deployment.status == "RUNNING" then active = active + 1 end
  end
  return {
    totalDeployments = state.total,
    successfulDeployments = state.successful,
    failedDeployments = state.failed,
    rolledBackDeployments = state.rolledBack,
    activeDeployments = active,
    averageDeploymentTime = state.timed == 0 and 0 or state.seconds / state.timed,
    rollbackRate = state.total == 0 and 0 or state.rolledBack / state.total * 100,
  }
end

return deployments
