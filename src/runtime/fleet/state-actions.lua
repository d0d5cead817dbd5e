--- The actions that move the state of a process, or of some of its callers, to another process.
local codeState = require("fleet.code-state")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local health = require("fleet.health")
local migrate = require("fleet.migrate")
local partition = require("fleet.partition")
local registry = require("fleet.registry")
local state = require("fleet.state")
local store = require("fleet.store")
local waiting = require("fleet.waiting")

local on = registry.everyProcess

-- A state of a few megabytes must fit into one message; all other data is limited to 1 MB.
local MAX_STATE_BYTES = 8 * 1024 * 1024

on("EXPORT_STATE", {
  who = "deployer", readonly = true, reserved = true,
  schema = {
    globals = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 128 } },
    whole = { type = "boolean" },
  },
}, function(data, msg)
  local exported, digest, found = state.export(data.globals, data.whole)
  local inCode, count, notCompared = codeState.report()
  return {
    state = exported, digest = digest, slot = envelope.of(msg).slot,
    globals = { carried = found.carried, left = found.left, unknown = found.unknown, waiting = waiting.count() },
    code = { items = inCode, count = count, notCompared = notCompared },
  }
end)

-- The program's invariants must also hold after an import.
local function assertInvariants()
  local broken = registry.broken()
  if #broken > 0 then
    error(fail.new("INVARIANT_BROKEN", broken[1].name .. ": " .. broken[1].detail, "Import a state that satisfies the invariant; nothing was changed."))
  end
end

on("IMPORT_STATE", {
  who = "deployer", control = true, reserved = true, maxBytes = MAX_STATE_BYTES,
  schema = { state = { type = "table", required = true }, digest = { type = "string", required = true, maxLength = 128 } },
}, function(data)
  local before = store.stateVersion
  -- A shape that cannot be migrated undoes the whole import.
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

return true
