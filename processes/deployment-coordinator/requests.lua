--- Requests for rollbacks and blue-green switches. The ledger only records them: a deployer reads a request, carries it
-- out and reports its phases. The ledger enforces the order of the phases.
local enums = require("fleet.rollout-enums")
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local deployments = require("deployments")
local ledger = require("ledger")
local rollback = require("fleet.rollback-enums")

local requests = {}

local KEPT = 200

local state = fleet.state("requests", { seq = 0, byId = {}, order = {} })

local NOTE = "recorded; a deployer carries it out and reports its phases here"

-- Allowed transitions. Reporting the same phase again changes nothing.
local ROLLBACK = rollback.next
local BLUE_GREEN = {
  PREPARING = { "DEPLOYING_GREEN", "FAILED" },
  DEPLOYING_GREEN = { "HEALTH_VALIDATION", "FAILED" },
  HEALTH_VALIDATION = { "TRAFFIC_SWITCHING", "FAILED" },
  TRAFFIC_SWITCHING = { "MONITORING", "FAILED" },
  MONITORING = { "COMPLETED", "FAILED" },
  FAILED = { "ROLLING_BACK" },
  ROLLING_BACK = { "ROLLED_BACK", "FAILED" },
}

local function phases(flow)
  local seen, list = {}, {}
  for from, nexts in pairs(flow) do
    for _, name in ipairs({ from, table.unpack(nexts) }) do
      if not seen[name] then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  table.sort(list)
  return list
end

local function open(prefix, fields, msg)
  state.seq = state.seq + 1
  local request = { requestId = prefix .. "-" .. state.seq, requestedAt = fleet.now(msg), requestedBy = msg.From, history = {} }
  for key, value in pairs(fields) do request[key] = value end
  state.byId[request.requestId] = request
  table.insert(state.order, request.requestId)
  if #state.order > KEPT then state.byId[table.remove(state.order, 1)] = nil end
  return request
end

local function move(request, flow, to, msg, what)
  if request.status == to then return end
  local allowed = flow[request.status] or {}
  for _, name in ipairs(allowed) do
    if name == to then
      table.insert(request.history, { from = request.status, to = to, at = fleet.now(msg), by = msg.From })
      request.status, request.phase, request.updatedAt = to, to, fleet.now(msg)
      ledger.write(what, { requestId = request.requestId, deploymentId = request.deploymentId, status = to }, msg)
      return
    end
  end
  error(fleet.fail("WRONG_PHASE", request.requestId .. " is " .. request.status .. " and cannot change to " .. to,
    #allowed > 0 and "It can change to " .. table.concat(allowed, ", ") .. "." or "It has ended; create a new request."))
end

local function find(id, kind)
  local request = state.byId[id]
  if not request or request.kind ~= kind then
    error(fleet.fail("UNKNOWN_REQUEST", "there is no request " .. tostring(id), "Use an id that LEDGER lists."))
  end
  return request
end

local function copy(request)
  local result = { note = NOTE }
  for key, value in pairs(request) do result[key] = value end
  return result
end

local TEXT = { type = "string", maxLength = 1000 }
local ID = { type = "string", minLength = 1, maxLength = 128 }

local ROLLBACK_FIELDS = {
  rollbackId = ID, deploymentId = ID, reason = TEXT, adminUserId = ID,
  rollbackType = { type = "string", enum = rollback.types },
  preserveState = { type = "boolean" }, validationRequired = { type = "boolean" },
  status = { type = "string", enum = phases(ROLLBACK) },
}

local function raiseAlerts(request, status, msg)
  local now = fleet.now(msg)
  if status == "COMPLETED" then
    deployments.rolledBack(request.deploymentId, msg)
    alerts.raise("ROLLBACK_EXECUTED", request.deploymentId, "rolled back: " .. request.reason, now)
  elseif status == "FAILED" or status == "PARTIAL" then
    alerts.raise("ROLLBACK_FAILED", request.deploymentId, "the rollback is " .. status .. ": " .. request.reason, now)
  end
end

fleet.on("DEPLOYMENT_ROLLBACK", {
  who = "deployer", epoch = "optional", once = true,
  schema = { rollbackRequest = { type = "table", required = true, fields = ROLLBACK_FIELDS } },
}, function(data, msg)
  local given = data.rollbackRequest
  if given.rollbackId then
    local request = find(given.rollbackId, "ROLLBACK")
    local before = request.status
    if given.status then move(request, ROLLBACK, given.status, msg, "ROLLBACK_PHASE") end
    if request.status ~= before then raiseAlerts(request, request.status, msg) end
    return copy(request)
  end
  if not given.deploymentId or not given.reason then
    error(fleet.fail("INVALID_DATA", "deploymentId and reason are required", "Send the deployment to roll back, and the reason."))
  end
  if not deployments.find(given.deploymentId) then
    error(fleet.fail("UNKNOWN_DEPLOYMENT", "there is no deployment " .. given.deploymentId, "Use an id that LEDGER lists."))
  end
  local request = open("rollback", {
    kind = "ROLLBACK", deploymentId = given.deploymentId, reason = given.reason, adminUserId = given.adminUserId,
    rollbackType = given.rollbackType or "DEPLOYMENT", preserveState = given.preserveState ~= false,
    validationRequired = given.validationRequired ~= false, status = "PENDING", phase = "PENDING",
  }, msg)
  request.rollbackId = request.requestId
  ledger.write("ROLLBACK_REQUESTED", { requestId = request.requestId, deploymentId = given.deploymentId, status = "PENDING" }, msg)
  return copy(request)
end)

local BLUE_GREEN_FIELDS = {
  blueGreenId = ID, newVersion = { type = "string", minLength = 1, maxLength = 64 }, adminUserId = ID,
  targetProcesses = { type = "array", minLength = 1, maxLength = 1000, items = ID },
  trafficStrategy = { type = "string", enum = enums.trafficStrategies },
  healthCheckTimeout = { type = "number", min = 1, max = 86400 },
  rollbackOnFailure = { type = "boolean" },
  phase = { type = "string", enum = phases(BLUE_GREEN) },
  trafficRouting = { type = "table" },
}

fleet.on("BLUE_GREEN_DEPLOYMENT", {
  who = "deployer", epoch = "optional", once = true,
  schema = { blueGreenRequest = { type = "table", required = true, fields = BLUE_GREEN_FIELDS } },
}, function(data, msg)
  local given = data.blueGreenRequest
  if given.trafficRouting and #fleet.json.encode(given.trafficRouting) > 16384 then
    error(fleet.fail("TOO_LARGE", "trafficRouting has more than 16384 bytes", "Send only the shares: the router has the whole table."))
  end
  if given.blueGreenId then
    local request = find(given.blueGreenId, "BLUE_GREEN")
    if given.phase then move(request, BLUE_GREEN, given.phase, msg, "BLUE_GREEN_PHASE") end
    if given.trafficRouting then request.trafficRouting = given.trafficRouting end
    return copy(request)
  end
  if not given.newVersion or not given.targetProcesses then
    error(fleet.fail("INVALID_DATA", "newVersion and targetProcesses are required", "Send the processes and their new version."))
  end
  local request = open("blue-green", {
    kind = "BLUE_GREEN", newVersion = given.newVersion, targetProcesses = given.targetProcesses, adminUserId = given.adminUserId,
    trafficStrategy = given.trafficStrategy or "GRADUAL", healthCheckTimeout = given.healthCheckTimeout or 60,
    rollbackOnFailure = given.rollbackOnFailure ~= false, trafficRouting = fleet.object(), status = "PREPARING", phase = "PREPARING",
  }, msg)
  request.blueGreenId, request.deploymentId = request.requestId, request.requestId
  ledger.write("BLUE_GREEN_REQUESTED", { requestId = request.requestId, status = "PREPARING" }, msg)
  return copy(request)
end)

--- The request with this id, or nil.
function requests.find(id)
  return state.byId[id] and copy(state.byId[id]) or nil
end

return requests
