--- The actions that move the state of a process, or of some of its callers, to another process.
local codeState = require("fleet.code-state")
local defaults = require("fleet.state-defaults")
local envelope = require("fleet.envelope")
local exportParts = require("fleet.export-parts")
local fail = require("fleet.fail")
local health = require("fleet.health")
local importParts = require("fleet.import-parts")
local migrate = require("fleet.migrate")
local partition = require("fleet.partition")
local registry = require("fleet.registry")
local seen = require("fleet.seen")
local state = require("fleet.state")
local store = require("fleet.store")
local waiting = require("fleet.waiting")

local on = registry.everyProcess

-- A state of a few megabytes must fit into one message; all other data is limited to 1 MB.
local MAX_STATE_BYTES = 8 * 1024 * 1024

local PART = { type = "integer", required = true, min = 1, max = 1000000 }
local ID = { type = "string", maxLength = 128 }

-- A caller that can read parts sends `part`; it gets the state in one piece if that is small.
on("EXPORT_STATE", {
  who = "deployer", readonly = true, reserved = true,
  schema = {
    globals = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 128 } },
    whole = { type = "boolean" },
    -- Names of the states to export.
    states = { type = "array", items = { type = "string" } },
    part = { type = "table", fields = { n = PART, id = ID, hold = { type = "boolean" } } },
  },
}, function(data, msg)
  -- Nobody may make the process hold again by the same bytes. Later parts belong to a first one.
  if data.part and data.part.hold and data.part.n == 1 and seen.isNeeded() then seen.keepLoad(envelope.of(msg).id) end
  local reply, found = { slot = envelope.of(msg).slot }, nil
  if data.part and (data.part.n > 1 or exportParts.isNeeded(data.globals, data.states)) then
    reply.part, found = exportParts.export(data.part, envelope.of(msg).id, data.globals, data.whole, data.states)
    if data.part.n > 1 then return reply end
  else
    if data.part then exportParts.finish() end
    reply.state, reply.digest, found = state.export(data.globals, data.whole, data.states)
  end
  local inCode, count, notCompared = codeState.report()
  reply.globals = { carried = found.carried, left = found.left, unknown = found.unknown }
  reply.globals.waiting, reply.globals.old = waiting.count(nil, store.stoppedAt)
  reply.resettable = defaults.names()
  reply.code = { items = inCode, count = count, notCompared = notCompared }
  return reply
end)

-- The program's invariants must also hold after an import.
local function assertInvariants()
  local broken = registry.broken()
  if #broken > 0 then
    error(fail.new("INVARIANT_BROKEN", broken[1].name .. ": " .. broken[1].detail, "Import a state that satisfies the invariant; nothing was changed."))
  end
end

-- Sets what an import brought, in the shape of this program. An error undoes it.
-- @tparam string version the shape of the imported state
-- @tparam function bring returns a function that undoes the import of the globals
local function take(version, bring)
  local onFailure = require("fleet.run").onFailure
  local before = store.stateVersion
  -- A shape that cannot be migrated undoes the whole import.
  onFailure(function() store.stateVersion = before end)
  onFailure(bring())
  store.stateVersion = version
  local migrated, problem = pcall(migrate.run, health.version(), nil)
  if not migrated then
    error(fail.new("NO_MIGRATION", tostring(problem), "Import into a process whose program can read this shape."))
  end
  assertInvariants()
end

local function takePart(part, reset)
  local chain, all = importParts.take(part)
  local done
  if all then
    require("fleet.run").onFailure(importParts.finish)
    take(all.header.stateVersion, function()
      local undo
      local packed = all.header.hasGlobals and all.globals or nil
      local given = { schema = all.header.schema, states = all.states, isUnpacked = true, globals = packed, tables = all.tables }
      undo, done = state.place(given, reset)
      return undo
    end)
    importParts.finish()
    waiting.drop(partition.held())
  end
  return { part = { n = part.n, chain = chain, isLast = all ~= nil }, reset = done }
end

on("IMPORT_STATE", {
  who = "deployer", control = true, reserved = true, maxBytes = MAX_STATE_BYTES,
  schema = {
    state = { type = "table" }, digest = { type = "string", maxLength = 128 },
    -- Names of states that get their default if the import does not have them.
    reset = { type = "array", items = { type = "string" } },
    part = {
      type = "table",
      fields = {
        id = { type = "string", required = true, maxLength = 128 }, n = PART, text = { type = "string", required = true },
        digest = { type = "string", required = true, maxLength = 128 }, isLast = { type = "boolean" }, header = { type = "table" },
      },
    },
  },
}, function(data)
  if data.part then return takePart(data.part, data.reset) end
  if not data.state or not data.digest then
    error(fail.new("INVALID_DATA", "IMPORT_STATE: state or digest is missing", "Send both as EXPORT_STATE returned them, or a part."))
  end
  local digest, reset
  take(data.state.stateVersion, function()
    local undo
    digest, undo, reset = state.import(data.state, data.digest, data.reset)
    return undo
  end)
  waiting.drop(partition.held())
  return { digest = digest, reset = reset }
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
  local open, old = partition.open(range)
  return { open = open, old = old, salt = store.partition.salt, sealed = store.partition.ranges, states = names }
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
  local sealed, held = store.partition, partition.held(data)
  require("fleet.run").onFailure(function() store.partition = sealed end)
  local digest = partition.import(data, data.state, data.digest)
  assertInvariants()
  waiting.drop(held)
  return { digest = digest }
end)

return true
