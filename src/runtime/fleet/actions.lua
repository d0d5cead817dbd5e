--- The actions that every process answers.
local audit = require("fleet.audit")
local auth = require("fleet.auth")
local announce = require("fleet.announce")
local calls = require("fleet.calls")
local commit = require("fleet.commit")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local globals = require("fleet.globals")
local health = require("fleet.health")
local integrity = require("fleet.integrity")
local json = require("fleet.json")
local log = require("fleet.log")
local migrate = require("fleet.migrate")
local partition = require("fleet.partition")
local probe = require("fleet.probe")
local registry = require("fleet.registry")
local shared = require("fleet.shared")
local state = require("fleet.state")
local stats = require("fleet.stats")
local store = require("fleet.store")
local wiring = require("fleet.wiring")

-- A state of a few megabytes has to fit into one message; everything else keeps to 1 MB.
local MAX_STATE_BYTES = 8 * 1024 * 1024

local function on(action, options, handler)
  options.always, options.builtin = true, true
  registry.on(action, options, handler)
end

local function copy(t)
  local result = json.object()
  for key, value in pairs(t) do result[key] = value end
  return result
end

on("Info", { data = false, readonly = true, reserved = true }, function(_, msg)
  local process, marker = store.process, store.marker
  local actions = registry.actions()
  local changed = integrity.found()
  return {
    name = process.name,
    processType = process.processType,
    version = health.version(),
    status = store.status,
    capabilities = process.capabilities,
    endpoints = #process.endpoints > 0 and process.endpoints or actions,
    actions = actions,
    handlers = commit.handlers(),
    answeredByProgram = shared.answered(registry.builtins()),
    changedByHand = changed,
    epoch = store.epoch,
    release = marker and marker.release or "",
    sourceHash = marker and marker.sourceHash or "",
    stateVersion = store.stateVersion or "",
    migrations = migrate.known(),
    configVersions = copy(config.versions()),
    peers = copy(store.peers),
    peersHash = store.peersHash,
    peersWithoutLibrary = store.withoutLibrary,
    router = store.router,
    allowed = store.allowed,
    owner = auth.owner(),
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

local CONFIG_TYPE = { type = "string", minLength = 1, maxLength = 64, pattern = "^[%w][%w_%-%.]*$" }
local ADDRESS = { type = "string", minLength = 1, maxLength = 128 }

local function required(rule)
  local copied = { required = true }
  for key, value in pairs(rule) do copied[key] = value end
  return copied
end

on("UPDATE_CONFIG", {
  who = "deployer", control = true, reserved = true,
  schema = {
    configType = required(CONFIG_TYPE),
    configData = { type = "table", required = true },
    version = { type = "any", required = true },
    hash = { type = "string", maxLength = 128 },
    rollback = { type = "boolean" },
    rule = { type = "table" },
    requestedBy = ADDRESS,
  },
}, function(data, msg)
  local idle = config.update(data, store.epoch, msg.From)
  log.write("INFO", data.configType .. " version " .. tostring(data.version) .. " by " .. (data.requestedBy or msg.From))
  return {
    configType = data.configType, version = data.version, hash = data.hash,
    notEnforceable = #idle > 0 and idle or nil,
  }
end)

on("RESTORE_CONFIG", {
  who = "deployer", control = true, reserved = true,
  schema = {
    configType = required(CONFIG_TYPE),
    version = { type = "any", required = true },
    hash = { type = "string", required = true, maxLength = 128 },
    clear = { type = "boolean" },
  },
}, function(data, msg)
  local restored = config.restore(data, msg.From)
  if restored then log.write("INFO", data.configType .. " version " .. tostring(data.version) .. " is taken back by " .. msg.From) end
  local held = store.configs[data.configType]
  return { configType = data.configType, restored = restored, version = held and held.version, hash = held and held.hash }
end)

on("GET_CONFIG", {
  who = "peer", readonly = true, reserved = true,
  schema = { configType = { type = "string", maxLength = 64 }, history = { type = "boolean" } },
}, function(data)
  return {
    configs = copy(config.held(data.configType)), highest = config.highest(data.configType),
    history = data.history and config.history(data.configType) or nil,
  }
end)

-- A list of names as a set.
local function named(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

on("WIRE_PEERS", {
  who = "deployer", control = true, reserved = true,
  schema = {
    peers = { type = "table", required = true },
    router = { type = "string", maxLength = 128 },
    -- Names among `peers` that run without the library. Deployers of earlier versions do not send it.
    withoutLibrary = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 64 } },
    hash = { type = "string", maxLength = 128 },
  },
}, function(data)
  local peers, problems, count = json.object(), {}, 0
  for name, id in pairs(data.peers) do
    count = count + 1
    if type(name) ~= "string" or not name:match("^[%w][%w%-_%.]*$") or #name > 64 then
      problems[#problems + 1] = { path = "peers", got = tostring(name):sub(1, 60), expected = "names of letters, digits and hyphens" }
    elseif type(id) ~= "string" or not id:match("^[%w%-_]+$") or #id > 128 then
      problems[#problems + 1] = { path = "peers." .. name, got = tostring(id):sub(1, 60), expected = "a process id" }
    else
      peers[name] = id
    end
  end
  local without = {}
  for name in pairs(named(data.withoutLibrary)) do
    if data.peers[name] == nil then
      problems[#problems + 1] = { path = "withoutLibrary", got = name, expected = "names among peers" }
    end
    without[#without + 1] = name
  end
  table.sort(without)
  if count > 1000 then problems = { { path = "peers", got = count .. " peers", expected = "at most 1000" } } end
  if #problems > 0 then
    table.sort(problems, function(a, b) return a.path < b.path end)
    error(fail.new("INVALID_DATA", "the peers cannot be used: " .. problems[1].path .. " is " .. problems[1].got,
      "Send peers as { name: processId }.", { problems = problems }))
  end
  wiring.replace(peers, data.hash or "", data.router, without)
  announce.startup()
  return { peers = peers, hash = store.peersHash, router = data.router, withoutLibrary = without }
end)

on("ADMIT_PEER", {
  who = "deployer", control = true, reserved = true,
  schema = {
    name = { type = "string", required = true, minLength = 1, maxLength = 64 },
    processId = { type = "string", required = true, minLength = 1, maxLength = 128, pattern = "^[%w%-_]+$" },
  },
}, function(data)
  if not store.peers[data.name] then
    error(fail.new("PEER_UNKNOWN", "this process knows no peer " .. data.name:sub(1, 60), "Wire it first: WIRE_PEERS."))
  end
  return { name = data.name, admitted = wiring.admit(data.name, data.processId) }
end)

on("SET_ALLOWED", {
  who = "owner", epoch = "optional", reserved = true,
  schema = { allowed = { type = "array", required = true, maxLength = 100, items = { type = "string", minLength = 1, maxLength = 128 } } },
}, function(data)
  store.allowed = data.allowed
  return { allowed = data.allowed }
end)

on("AUDIT", { who = "deployer", readonly = true, reserved = true, schema = { since = { type = "integer", min = 0 } } }, function(data)
  return { entries = audit.read(data.since) }
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

on("PROBE_PEERS", {
  who = "deployer", readonly = true, reserved = true,
  schema = {
    peers = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 64 } },
    timeout = { type = "integer", min = 1, max = 600000 },
  },
}, probe.run)

local function turn(action, status)
  on(action, { who = "deployer", control = true, reserved = true }, function()
    if status == "RETIRED" then
      calls.cancel(fail.new("GONE", "this process was retired before the answer came", "Ask the fleet which process took its place."))
    end
    if store.status ~= status then log.write("INFO", "status " .. store.status .. " → " .. status) end
    store.status = status
    return { status = status }
  end)
end

turn("RETIRE", "RETIRED")
turn("DRAIN", "DRAINING")
turn("RESUME", "ACTIVE")

on("EXPORT_STATE", {
  who = "deployer", readonly = true, reserved = true,
  schema = {
    globals = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 128 } },
    whole = { type = "boolean" },
  },
}, function(data, msg)
  local exported, digest, found = state.export(data.globals, data.whole)
  return {
    state = exported, digest = digest, slot = envelope.of(msg).slot,
    globals = { carried = found.carried, left = found.left, waiting = globals.waiting() },
  }
end)

-- What a program says of its own state must hold of what is imported too.
local function assertInvariants()
  local broken = registry.broken()
  if #broken > 0 then
    error(fail.new("INVARIANT_BROKEN", broken[1].name .. ": " .. broken[1].detail, "The state was refused; nothing was changed."))
  end
end

on("IMPORT_STATE", {
  who = "deployer", control = true, reserved = true, maxBytes = MAX_STATE_BYTES,
  schema = { state = { type = "table", required = true }, digest = { type = "string", required = true, maxLength = 128 } },
}, function(data)
  local before = store.stateVersion
  -- One step for the undo: a shape that cannot be migrated leaves nothing of the import.
  require("fleet.run").onFailure(function() store.stateVersion = before end)
  local digest, undo = state.import(data.state, data.digest)
  require("fleet.run").onFailure(undo)
  store.stateVersion = data.state.stateVersion
  local migrated, problem = pcall(migrate.run, health.version(), nil)
  if not migrated then
    error(fail.new("NO_MIGRATION", tostring(problem), "Import into a process whose program can read this shape."))
  end
  assertInvariants()
  return { digest = digest }
end)

local SALT = { type = "string", required = true, minLength = 1, maxLength = 128 }
local BUCKET = { type = "integer", required = true, min = 0, max = 10000 }
local RANGE = { salt = SALT, from = BUCKET, to = BUCKET }

on("EXPORT_KEYS", { who = "deployer", readonly = true, reserved = true, schema = RANGE }, function(range, msg)
  local exported, digest = partition.export(range)
  return { state = exported, digest = digest, slot = envelope.of(msg).slot }
end)

on("GET_KEYS", { readonly = true, reserved = true, schema = RANGE }, function(range)
  local names = {}
  for name in pairs(store.partitioned) do names[#names + 1] = name end
  table.sort(names)
  return { open = partition.open(range), salt = store.partition.salt, sealed = store.partition.ranges, states = names }
end)

on("SEAL_KEYS", { who = "deployer", control = true, reserved = true, schema = RANGE }, function(range)
  partition.seal(range)
  return { sealed = store.partition.ranges }
end)

on("UNSEAL_KEYS", { who = "deployer", control = true, reserved = true, schema = RANGE }, function(range)
  partition.unseal(range)
  return { sealed = store.partition.ranges }
end)

on("IMPORT_KEYS", {
  who = "deployer", control = true, reserved = true, maxBytes = MAX_STATE_BYTES,
  schema = {
    salt = SALT, from = BUCKET, to = BUCKET,
    state = { type = "table", required = true }, digest = { type = "string", required = true, maxLength = 128 },
  },
}, function(data)
  local sealed = store.partition
  require("fleet.run").onFailure(function() store.partition = sealed end)
  local digest = partition.import(data, data.state, data.digest)
  assertInvariants()
  return { digest = digest }
end)

--- Counts, logs and passes on a fault of the program.
function Fleet.fault(action, text)
  log.write("ERROR", action .. ": " .. text)
  announce.fault(action, text)
end

return true
