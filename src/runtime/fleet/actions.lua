--- The built-in actions of every process: those about the process itself here, the others in the modules required below.
local audit = require("fleet.audit")
local auth = require("fleet.auth")
local announce = require("fleet.announce")
local calls = require("fleet.calls")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local handlers = require("fleet.handlers")
local health = require("fleet.health")
local integrity = require("fleet.integrity")
local json = require("fleet.json")
local log = require("fleet.log")
local migrate = require("fleet.migrate")
local partition = require("fleet.partition")
local registry = require("fleet.registry")
local stats = require("fleet.stats")
local store = require("fleet.store")
local results = require("fleet.handler-results")
local waiting = require("fleet.waiting")

require("fleet.config-actions")
require("fleet.state-actions")
require("fleet.wiring-actions")

local on = registry.everyProcess

on("Info", { data = false, readonly = true, reserved = true }, function(_, msg)
  local process, marker = store.process, store.marker
  local actions = registry.actions()
  local changed = integrity.found()
  local guarded, guardedByRule = registry.guarded()
  return {
    name = process.name,
    processType = process.processType,
    version = health.version(),
    status = store.status,
    capabilities = process.capabilities,
    endpoints = #process.endpoints > 0 and process.endpoints or actions,
    actions = actions,
    guarded = guarded,
    guardedByRule = guardedByRule,
    handlers = handlers.names(),
    answeredByProgram = results.list(registry.builtins()),
    changedByHand = changed,
    epoch = store.epoch,
    release = marker and marker.release or "",
    sourceHash = marker and marker.sourceHash or "",
    stateVersion = store.stateVersion or "",
    migrations = migrate.known(),
    configVersions = json.copy(config.versions()),
    peers = json.copy(store.peers),
    peersHash = store.peersHash,
    peersWithoutLibrary = store.withoutLibrary,
    router = store.router,
    allowed = store.allowed,
    owner = auth.owner(),
    sealed = partition.sealed(),
    stats = stats.report(),
    at = envelope.of(msg).at,
    slot = envelope.of(msg).slot,
  }
end)

on("HEALTH_CHECK", {
  readonly = true, reserved = true,
  schema = {
    healthCheck = {
      type = "table",
      fields = {
        checkType = { type = "string", enum = health.TYPES },
        expectedVersion = { type = "string", maxLength = 64 },
        expectedSourceHash = { type = "string", maxLength = 128 },
        nonce = { type = "string", maxLength = 256 },
        timeoutSeconds = { type = "number", min = 0 },
        deploymentId = { type = "string", maxLength = 256 },
      },
    },
  },
}, function(data, msg)
  return health.report(data.healthCheck or {}, msg)
end)

on("GET_STATISTICS", { data = false, readonly = true }, function()
  return { statistics = stats.report() }
end)

on("SET_ALLOWED", {
  who = "owner", epoch = "optional", reserved = true,
  schema = { allowed = { type = "array", required = true, maxLength = 100, items = { type = "string", minLength = 1, maxLength = 128 } } },
}, function(data)
  store.allowed = data.allowed
  return { allowed = data.allowed }
end)

on("AUDIT", { who = "deployer", readonly = true, reserved = true, schema = { since = { type = "integer", min = 0 } } }, function(data)
  return { entries = audit.read(data.since), refusals = audit.refusals() }
end)

on("LOGS", {
  who = "deployer", readonly = true, reserved = true,
  schema = {
    since = { type = "integer", min = 0 },
    level = { type = "string", enum = { "DEBUG", "INFO", "WARN", "ERROR", "FATAL" } },
  },
}, function(data)
  return { entries = log.read(data.since, data.level) }
end)

local function turn(action, status)
  on(action, { who = "deployer", control = true, reserved = true }, function()
    if status == "RETIRED" then
      calls.cancel(fail.new("GONE", "this process was retired before the answer arrived",
        "The request may have been performed: check that. Ask the fleet which process replaced this one."))
    end
    if store.status ~= status then log.write("INFO", "status " .. store.status .. " → " .. status) end
    if status == "ACTIVE" then store.stoppedAt = nil elseif store.status == "ACTIVE" then store.stoppedAt = waiting.now() end
    store.status = status
    return { status = status }
  end)
end

turn("RETIRE", "RETIRED")
turn("DRAIN", "DRAINING")
turn("RESUME", "ACTIVE")

--- Logs and reports a fault of the program.
function Fleet.fault(action, text)
  log.write("ERROR", action .. ": " .. text)
  announce.fault(action, text)
end

return true
