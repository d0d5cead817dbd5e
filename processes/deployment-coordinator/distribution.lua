--- Settings for many processes at once. What only some of them took is never the current config.
-- The targets take a config from a deployer only: whoever wants this process to distribute, allows it there (SET_ALLOWED).
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local ledger = require("ledger")
local registrations = require("registrations")

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
}

local function check(request, data)
  local problems = fleet.checkConfig(request.configType, data)
  if #problems > 0 then
    local first = problems[1]
    error(fleet.fail("INVALID_CONFIG",
      string.format("%d setting(s) cannot be used; the first: %s is %s, expected %s", #problems, first.path, first.got, first.expected),
      "Correct the values at the paths named; nothing was sent.", { problems = problems }))
  end
end

local function nextVersion(request)
  local given = request.version
  if given ~= nil then
    if type(given) == "number" or type(given) == "string" and given ~= "" and #given <= 64 then return given end
    error(fleet.fail("INVALID_DATA", "the version is neither a number nor a text", "Send a version that grows."))
  end
  local held = state.current[request.configType]
  return held and type(held.version) == "number" and held.version + 1 or 1
end

local function remember(distribution)
  table.insert(state.list, distribution)
  if #state.list > KEPT then table.remove(state.list, 1) end
end

local function report(distribution)
  return {
    distributionId = distribution.distributionId, status = distribution.status, configType = distribution.configType,
    distributionResults = distribution.results, successCount = distribution.successCount, totalCount = distribution.totalCount,
    configVersion = distribution.version, hash = distribution.hash,
  }
end

local function close(distribution, data, msg)
  local all, any = distribution.successCount == distribution.totalCount, distribution.successCount > 0
  distribution.status = all and "COMPLETED" or any and "PARTIAL" or "FAILED"
  distribution.finishedAt = fleet.now()
  if all then
    state.current[distribution.configType] = {
      configData = data, version = distribution.version, hash = distribution.hash, distributionId = distribution.distributionId,
    }
  else
    alerts.raise("CONFIG_DISTRIBUTION_FAILED", distribution.configType,
      string.format("%d of %d processes took version %s", distribution.successCount, distribution.totalCount, distribution.version), fleet.now())
  end
  ledger.write("CONFIG_DISTRIBUTED", {
    distributionId = distribution.distributionId, configType = distribution.configType, status = distribution.status,
    version = distribution.version, hash = distribution.hash,
  }, msg)
  fleet.reply(msg, report(distribution))
end

local function send(request, data, targets, msg)
  check(request, data)
  if #targets == 0 then
    error(fleet.fail("NO_PROCESSES", "there is no process to send it to", "Register processes, or name targetProcesses."))
  end
  state.seq = state.seq + 1
  local distribution = {
    distributionId = "distribution-" .. state.seq, configType = request.configType, status = "DISTRIBUTING", startedAt = fleet.now(),
    version = nextVersion(request), hash = fleet.sha256(fleet.json.encode(data)), results = fleet.object(), successCount = 0,
    totalCount = #targets, open = #targets,
  }
  remember(distribution)
  for _, id in ipairs(targets) do
    fleet.ask(id, "UPDATE_CONFIG", {
      configType = request.configType, configData = data, version = distribution.version, hash = distribution.hash, rollback = request.rollback,
    }, function(reply)
      local ok = reply.success == true and reply.hash == distribution.hash
      distribution.results[id] = {
        name = registrations.name(id), status = ok and "COMPLETED" or "FAILED",
        code = not ok and (reply.error and reply.error.code or "HASH_MISMATCH") or nil,
        message = not ok and reply.error and reply.error.message or nil,
      }
      distribution.open = distribution.open - 1
      if ok then distribution.successCount = distribution.successCount + 1 end
      if distribution.open == 0 then close(distribution, data, msg) end
    end, { tags = { Epoch = fleet.epoch() } })
  end
  return fleet.later(msg)
end

local function forward(call, failed, msg, use)
  return function(reply)
    if reply.success ~= true then return fleet.replyError(msg, reply.error or fleet.fail("BAD_REPLY", failed, "Look at its LOGS.")) end
    return use(reply)
  end
end

local RUN = {}

function RUN.VALIDATE_CONFIG(request)
  local problems = fleet.checkConfig(request.configType, request.configData)
  return { valid = #problems == 0, problems = problems, configType = request.configType }
end

function RUN.DISTRIBUTE_CONFIG(request, msg)
  return send(request, request.configData, registrations.resolve(request.targetProcesses), msg)
end

--- Changes single keys of the current config and distributes the whole.
function RUN.UPDATE_CONFIG(request, msg)
  local merged = fleet.object()
  local held = state.current[request.configType]
  for key, value in pairs(held and held.configData or {}) do merged[key] = value end
  for key, value in pairs(request.configData or {}) do merged[key] = value end
  return send(request, merged, registrations.resolve(request.targetProcesses), msg)
end

function RUN.GET_CONFIG(request, msg)
  if request.processId == nil then
    local held = state.current[request.configType]
    if not held then
      error(fleet.fail("NO_CONFIG", "no " .. request.configType .. " was distributed to all its targets yet", "Distribute one, or name processId."))
    end
    return { configType = request.configType, configData = held.configData, configVersion = held.version, hash = held.hash }
  end
  local id = registrations.resolve({ request.processId })[1]
  fleet.ask(id, "GET_CONFIG", { configType = request.configType }, forward(id, "it did not answer", msg, function(reply)
    local held = reply.configs and reply.configs[request.configType]
    if not held then return fleet.replyError(msg, "NO_CONFIG", registrations.name(id) .. " holds no " .. request.configType, "Distribute one to it.") end
    fleet.reply(msg, { processId = id, configType = request.configType, configData = held.configData, configVersion = held.version, hash = held.hash })
  end))
  return fleet.later(msg)
end

--- Gives what one process holds to the others.
function RUN.SYNC_CONFIG(request, msg)
  if request.sourceProcessId == nil then
    error(fleet.fail("INVALID_DATA", "sourceProcessId is missing", "Name the process, or its id, whose config the others should get."))
  end
  local source = registrations.resolve({ request.sourceProcessId })[1]
  local targets = {}
  for _, id in ipairs(registrations.resolve(request.targetProcesses)) do
    if id ~= source then targets[#targets + 1] = id end
  end
  fleet.ask(source, "GET_CONFIG", { configType = request.configType }, forward(source, "it did not answer", msg, function(reply)
    local held = reply.configs and reply.configs[request.configType]
    if not held then
      return fleet.replyError(msg, "NO_CONFIG", registrations.name(source) .. " holds no " .. request.configType, "Distribute one to it first.")
    end
    send({ configType = request.configType, version = held.version, rollback = request.rollback }, held.configData, targets, msg)
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
  --- Versions that all targets took: configType → version.
  current = function()
    local result = fleet.object()
    for name, held in pairs(state.current) do result[name] = held.version end
    return result
  end,
}
