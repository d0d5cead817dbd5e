--- Settings for many processes at once: either all accept them, or none keeps them.
-- Targets accept a config only from a deployer: to let this process distribute, allow it there (SET_ALLOWED).
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local ledger = require("ledger")
local registrations = require("registrations")
local shipment = require("shipment")

local KEPT = 50

local state = fleet.state("distributions", { seq = 0, current = {}, list = {} })

local TYPES = { "DISTRIBUTE_CONFIG", "GET_CONFIG", "UPDATE_CONFIG", "VALIDATE_CONFIG", "SYNC_CONFIG" }

local FIELDS = {
  requestType = { type = "string", required = true, enum = TYPES },
  configType = { type = "string", required = true, maxLength = 64 },
  configData = { type = "table" },
  targetProcesses = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 128 } },
  version = { type = "any" },
  validationRequired = { type = "boolean" },
  processId = { type = "string", maxLength = 128 },
  sourceProcessId = { type = "string", maxLength = 128 },
  rollback = { type = "boolean" },
  rule = { type = "table" },
}

local function check(request, data)
  -- A custom config type: its rules are in the processes that have it, so the targets check.
  if not fleet.isConfigType(request.configType) and request.rule == nil and request.validationRequired ~= true then return end
  local problems = fleet.checkConfig(request.configType, data, request.rule)
  if #problems > 0 then error(fleet.configRefusal(problems)) end
end

local function checkVersion(version)
  if version == nil or type(version) == "number" or type(version) == "string" and version ~= "" and #version <= 64 then return end
  error(fleet.fail("INVALID_DATA", "the version is neither a number nor a string", "Send an increasing version, or none."))
end

local function remember(distribution)
  table.insert(state.list, distribution)
  if #state.list > KEPT then table.remove(state.list, 1) end
end

-- The settings that all targets have now, or nil if they differ.
local function common(job)
  local first = job.ids[1]
  for _, id in ipairs(job.ids) do
    if job.hashes[id] ~= job.hashes[first] then return nil end
  end
  return { configData = job.data[first], version = job.version, hash = job.hashes[first] }
end

local function close(distribution, job, msg)
  local all, now = job.status == "COMPLETED", fleet.now()
  local shared = common(job)
  distribution.status, distribution.finishedAt, distribution.version = job.status, now, job.version
  distribution.results, distribution.hash = job.results, shared and shared.hash
  distribution.successCount, distribution.restoredCount = job.accepted, job.restored
  if all then
    state.current[job.configType] = shared
    alerts.resolve("CONFIG_DISTRIBUTION_FAILED", job.configType, now)
  else
    alerts.raise("CONFIG_DISTRIBUTION_FAILED", job.configType,
      string.format("%d of %d processes accepted version %s, so it applies to none", job.accepted, #job.ids, tostring(job.version)), now)
  end
  ledger.write("CONFIG_DISTRIBUTED", {
    distributionId = distribution.distributionId, configType = job.configType, status = job.status, version = job.version,
    hash = distribution.hash, targets = #job.ids, requestType = distribution.requestType,
  }, msg)
  fleet.reply(msg, {
    distributionId = distribution.distributionId, status = job.status, configType = job.configType, distributionResults = job.results,
    successCount = job.accepted, totalCount = #job.ids, restoredCount = job.restored, configVersion = job.version, hash = distribution.hash,
    notEnforceable = job.notEnforceable,
  })
end

local function send(request, dataOf, targets, msg)
  if #targets == 0 then
    error(fleet.fail("NO_PROCESSES", "no target processes", "Register processes, or set targetProcesses."))
  end
  checkVersion(request.version)
  state.seq = state.seq + 1
  local distribution = {
    distributionId = "distribution-" .. state.seq, requestType = request.requestType, configType = request.configType,
    status = "DISTRIBUTING", startedAt = fleet.now(), requestedBy = msg.From, totalCount = #targets, successCount = 0,
  }
  remember(distribution)
  shipment.ship({
    configType = request.configType, ids = targets, dataOf = dataOf, version = request.version, rollback = request.rollback,
    rule = request.rule, requestedBy = msg.From, epoch = fleet.epoch(),
  }, function(job) close(distribution, job, msg) end)
  return fleet.later(msg)
end

local function forward(call, failed, msg, use)
  return function(reply)
    if reply.success ~= true then return fleet.replyError(msg, reply.error or fleet.fail("BAD_REPLY", failed, "Check its LOGS.")) end
    return use(reply)
  end
end

local RUN = {}

function RUN.VALIDATE_CONFIG(request)
  local problems = fleet.checkConfig(request.configType, request.configData, request.rule)
  return { valid = #problems == 0, problems = problems, configType = request.configType }
end

function RUN.DISTRIBUTE_CONFIG(request, msg)
  check(request, request.configData)
  return send(request, function() return request.configData end, registrations.resolve(request.targetProcesses), msg)
end

--- Changes single keys of each process's settings.
function RUN.UPDATE_CONFIG(request, msg)
  local change = request.configData or fleet.object()
  check(request, change)
  return send(request, function(held)
    local merged = fleet.object()
    for key, value in pairs(held or {}) do merged[key] = value end
    for key, value in pairs(change) do merged[key] = value end
    return merged
  end, registrations.resolve(request.targetProcesses), msg)
end

function RUN.GET_CONFIG(request, msg)
  if request.processId == nil then
    local held = state.current[request.configType]
    if not held then
      error(fleet.fail("NO_CONFIG", request.configType .. " has not been distributed to all its targets yet", "Distribute it, or set processId."))
    end
    return { configType = request.configType, configData = held.configData, configVersion = held.version, hash = held.hash }
  end
  local id = registrations.resolve({ request.processId })[1]
  fleet.ask(id, "GET_CONFIG", { configType = request.configType }, forward(id, "no valid reply from the process", msg, function(reply)
    local held = reply.configs and reply.configs[request.configType]
    if not held then return fleet.replyError(msg, "NO_CONFIG", registrations.name(id) .. " has no " .. request.configType, "Distribute it to that process.") end
    fleet.reply(msg, { processId = id, configType = request.configType, configData = held.configData, configVersion = held.version, hash = held.hash })
  end))
  return fleet.later(msg)
end

--- Copies the settings of one process to the others.
function RUN.SYNC_CONFIG(request, msg)
  if request.sourceProcessId == nil then
    error(fleet.fail("INVALID_DATA", "sourceProcessId is missing", "Set it to the name or id of the process to copy from."))
  end
  local source = registrations.resolve({ request.sourceProcessId })[1]
  local targets = {}
  for _, id in ipairs(registrations.resolve(request.targetProcesses)) do
    if id ~= source then targets[#targets + 1] = id end
  end
  fleet.ask(source, "GET_CONFIG", { configType = request.configType }, forward(source, "no valid reply from the process", msg, function(reply)
    local held = reply.configs and reply.configs[request.configType]
    if not held then
      return fleet.replyError(msg, "NO_CONFIG", registrations.name(source) .. " has no " .. request.configType, "Distribute it to that process first.")
    end
    send(request, function() return held.configData end, targets, msg)
  end))
  return fleet.later(msg)
end

fleet.on("CONFIG_DISTRIBUTION", {
  who = "deployer", epoch = "optional", schema = { configRequest = { type = "table", required = true, fields = FIELDS } },
}, function(data, msg)
  local request = data.configRequest
  if request.requestType == "DISTRIBUTE_CONFIG" and request.configData == nil then
    error(fleet.fail("INVALID_DATA", "configData is missing", "Send the settings to distribute."))
  end
  return RUN[request.requestType](request, msg)
end)

return {
  --- Versions that all targets accepted: configType → version.
  current = function()
    local result = fleet.object()
    for name, held in pairs(state.current) do result[name] = held.version end
    return result
  end,
}
