--- Named tables that survive messages and loads, that are restored if a handler fails, and that can be moved to
-- another process with a digest.
--
-- How a failure is undone: see `fleet.undo`. The cost of a message is that of what it changes, whatever the size of the state, and `readonly`
-- handlers have none. For a large list that only grows, `undo = "append"` records only its length, because its entries never change. A state
-- with `undo = "none"` is not restored: use it for code that checks everything before it changes anything.
-- Globals and local variables are not undone, so data that must be consistent belongs into a state. Globals are moved
-- (`fleet.globals`), local variables are not.
local defaults = require("fleet.state-defaults")
local enclosed = require("fleet.enclosed")
local exactStates = require("fleet.exact-states")
local fail = require("fleet.fail")
local filler = require("fleet.fill-states")
local globals = require("fleet.globals")
local importGlobals = require("fleet.import-globals")
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local memory = require("fleet.memory")
local run = require("fleet.run")
local sha256 = require("fleet.sha256")
local stateJson = require("fleet.state-json")
local store = require("fleet.store")

local state = {}

local pack, unpack = stateJson.pack, stateJson.unpack

local UNDO = { copy = true, append = true, none = true }

--- Number of states from which one that a failed message declared is removed again: its name may come from what strangers send.
local MANY = 256

-- Tables that the undo of the message restores: those of states that it found.
local found = setmetatable({}, { __index = function(_, t)
  local saved = Fleet.context.saved
  return saved and saved.seen[t] or enclosed.has(t) or nil
end })

-- Undoes the declaration of a new state by a failed message. The table stays declared, with its first content and its options: the program may have
-- kept it where nothing is undone, as a module does that the message was the first to require, and what it writes there later must not be lost.
-- @treturn boolean whether it is no longer declared
local function forget(name, kept)
  memory.restore(kept)
  local count = 0
  for _ in pairs(store.states) do count = count + 1 end
  if count <= MANY then return false end
  store.states[name] = nil
  defaults.forget(name)
  return true
end

local function made(name, default, undo, partition)
  local isNew, undoBefore, partitionedBefore = store.states[name] == nil, store.undo[name], store.partitioned[name]
  if isNew then store.states[name] = default or {} end
  -- The undo of a message knows the states that existed at its start.
  local value = store.states[name]
  local kept = isNew and Fleet.context and (found[value] and {} or memory.of(value, math.huge, found))
  run.onFailure(function(isDone)
    if isDone then return end
    if kept and not forget(name, kept) then return end
    store.undo[name], store.partitioned[name] = undoBefore, partitionedBefore
  end)
  store.undo[name] = undo
  -- Before the program can take Lua's own functions into local variables.
  if undo == "copy" then enclosed.isUsable() end
  if partition ~= nil then store.partitioned[name] = partition == true or nil end
  return store.states[name]
end

--- Declares a persistent table, or returns the existing one.
-- @tparam string name unique in the process, part of `EXPORT_STATE`
-- @tparam ?table default its initial content, used only once
-- @tparam ?table options `undo`: `copy` (default), `append` or `none` · `partition`: its keys are those of the service's traffic ·
--   `own`: a state of the library
-- @treturn table the same table for the same name
function state.declare(name, default, options)
  if type(name) ~= "string" or name == "" then error("fleet.state: a name is required", 3) end
  local undo = options and options.undo or "copy"
  if not UNDO[undo] then error("fleet.state " .. name .. ": undo must be copy, append or none", 3) end
  if options and options.own then exactStates.keepPlain(name) end
  defaults.declare(name, default, store.states[name] == nil, options ~= nil and options.own == true)
  return made(name, default, undo, options and options.partition)
end

-- @tparam table states name → table
-- @tparam ?table found globals, see `globals.selected`
-- @tparam ?boolean whole includes globals even if there are none
local function exportOf(states, found, whole)
  local exported = { schema = 1, stateVersion = store.stateVersion or "1", states = json.object() }
  local hasGlobals = found and (#found.carried > 0 or whole == true)
  if exactStates.isNeeded(states, found and found.roots) then
    local packed, tables = lossless.packed(exactStates.groups(states, found))
    exported.schema, exported.states, exported.tables = 3, packed[1], tables
    if hasGlobals then exported.globals = packed[2] end
    return exported, sha256(json.encode(exported))
  end
  for name, value in pairs(states) do exported.states[name] = pack(value, name, true) end
  if hasGlobals then
    if #found.carried > 0 then exported.schema = 2 end
    exported.globals, exported.tables = lossless.pack(found.roots, found.gone)
  end
  return exported, sha256(json.encode(exported))
end

--- Exports all states and the program's globals as plain JSON data, with a digest (sha256 of the canonical JSON) to verify copies.
-- @tparam ?table names globals to export instead of the declared or detected ones
-- @tparam ?boolean whole includes globals even if there are none, so that an import also clears them
-- @tparam ?table only names of the states to export; nil: all. Lossless states may refer to one another, so nobody else can leave some out
-- @treturn table { schema, stateVersion, states }, and with globals `schema` 2, which earlier libraries refuse, `globals` and `tables`; with
--   lossless states `schema` 3, which earlier libraries refuse, and `tables`
-- @treturn string 64 hex digits
-- @treturn table { carried, left, unknown }, see `globals.selected`
function state.export(names, whole, only)
  local found = globals.selected(names)
  local exported, digest = exportOf(exactStates.selected(only), found, whole)
  return exported, digest, found
end

--- The data of some keys in the partitioned states, in the format of `export`.
-- @tparam function belongs `function(key)`
function state.slice(belongs)
  local states = {}
  for name in pairs(store.partitioned) do
    local part = json.object()
    for k, v in pairs(store.states[name] or {}) do
      if belongs(tostring(k)) then part[k] = v end
    end
    states[name] = part
  end
  return exportOf(states)
end

local function verified(exported, digest)
  local actual = sha256(json.encode(exported))
  if actual ~= digest then
    error(fail.new("DIGEST_MISMATCH", "the state has the digest " .. actual .. ", which differs from the given one",
      "Send the state exactly as returned by EXPORT_STATE, with its digest."))
  end
  local schema, hasTables = exported.schema, type(exported.tables) == "table"
  local isKnown = schema == 1 or schema == 2 and hasTables and type(exported.globals) == "table" or schema == 3 and hasTables
  if not isKnown or type(exported.states) ~= "table" or type(exported.stateVersion) ~= "string" then
    error(fail.new("BAD_STATE", "the state is not in the format of this library's EXPORT_STATE", "Export it from a process of this fleet."))
  end
  for name, value in pairs(exported.states) do
    if type(name) ~= "string" or type(value) ~= "table" then
      error(fail.new("BAD_STATE", "the state " .. tostring(name) .. " is not a table", "Export it again."))
    end
  end
  return actual
end

-- The states of an export.
-- @treturn table name → table · shared tables in them: id → table
local function statesOf(exported)
  local states, shared = {}, nil
  if exported.schema == 3 then
    states, shared = lossless.unpack(exported.states, exported.tables, {})
  else
    for name, value in pairs(exported.states) do states[name] = unpack(value) end
  end
  for name, value in pairs(states) do
    if type(value) ~= "table" or lossless.bintBits(value) then
      error(fail.new("BAD_STATE", "the state " .. name .. " is not a table", "Export it again."))
    end
  end
  return states, shared
end

-- The undo of a message knows of a state with `undo = "append"` only that it grew, and nothing of one with `"none"`; an import replaces them.
local function keepWhole(name)
  if store.undo[name] == "copy" then return end
  local kept = memory.of(store.states[name], math.huge)
  run.onFailure(function(isDone) if not isDone then memory.restore(kept) end end)
end

--- Replaces the data of some keys with the result of `slice`.
-- @raise a failure `DIGEST_MISMATCH`, `BAD_STATE` or `NO_MIGRATION`; then nothing is changed
function state.replace(exported, digest, belongs)
  local actual = verified(exported, digest)
  if exported.stateVersion ~= (store.stateVersion or "1") then
    error(fail.new("NO_MIGRATION", "keys of the shape " .. exported.stateVersion .. " cannot be added to those of the shape " .. (store.stateVersion or "1"),
      "Use trafficStrategy INSTANT for a release that changes the shape."))
  end
  for name in pairs(exported.states) do
    if not store.partitioned[name] then
      error(fail.new("BAD_STATE", "the state " .. name .. " is not partitioned here", "Declare it with partition = true, or use trafficStrategy INSTANT."))
    end
  end
  local place, _, fill = filler()
  local given = statesOf(exported)
  for name in pairs(store.partitioned) do
    keepWhole(name)
    local target, had = store.states[name], {}
    for k, v in next, target do
      if belongs(tostring(k)) then had[k] = v end
    end
    for k in next, had do target[k] = nil end
    for k, v in pairs(given[name] or {}) do target[k] = place(v, had[k]) end
  end
  fill()
  return actual
end

-- A table that no program of this load has: a later declaration makes the state again, with its default.
local function remove(name)
  local value, undo, partitioned = store.states[name], store.undo[name], store.partitioned[name]
  run.onFailure(function() store.states[name], store.undo[name], store.partitioned[name] = value, undo, partitioned end)
  store.states[name], store.undo[name], store.partitioned[name] = nil, nil, nil
end

-- A state that only an import brought is removed again if it fails, unless a migration has declared it since.
local function removeIfFailed(name)
  local undo = store.undo[name]
  run.onFailure(function(isDone)
    if isDone or defaults.isDeclared(name) then return end
    store.states[name], store.undo[name] = nil, undo
  end)
end

-- Replaces the content of states, keeping the tables themselves, also those in them.
-- @tparam ?table reset see `place`
-- @treturn table value → the table that has its content · see `place`
local function setStates(states, reset)
  local _, choose, fill, placed = filler()
  for name, value in pairs(states) do
    if not store.states[name] then removeIfFailed(name) end
    -- A new name may be another one for a table that is a state already.
    local root = made(name, placed[value] or {}, store.undo[name] or "copy")
    keepWhole(name)
    if not placed[value] then choose(value, root) end
  end
  local done = reset and {}
  for _, name in ipairs(reset or {}) do
    local isKnown, value = defaults.of(name)
    if isKnown and states[name] == nil then
      keepWhole(name)
      if value then choose(value, store.states[name]) else remove(name) end
      done[#done + 1] = name
    end
  end
  fill()
  return placed, done
end

-- Exports again what was imported and compares, which proves that the values themselves are equal, not only the text.
local function assertSame(given)
  local states, found = {}, given.globals and { roots = {}, gone = {} }
  for name in pairs(given.states) do states[name] = store.states[name] end
  for name in pairs(given.globals or {}) do
    found.roots[name] = rawget(_G, name)
    if found.roots[name] == nil then found.gone[#found.gone + 1] = name end
  end
  local packed, tables = lossless.packed(exactStates.groups(states, found))
  if not exactStates.isSame({ packed[1], packed[2], tables }, { given.states, given.globals, given.tables }) then
    error(fail.new("DIGEST_MISMATCH", "the imported state differs from the exported one", "Report this to the maintainers: it is a bug in the library."))
  end
end

--- Replaces the content of states and globals, keeping the tables themselves, also those in them. States that it does not name stay as they are,
-- because a hand-over brings those of an earlier program: a new state has its default there, or what a migration or a first message put into it.
-- @tparam table given `schema` · `states`: as in an export, or with the schemas 1 and 2 name → table, if `isUnpacked` · `globals`: as in an export;
--   nil: they are unchanged · `tables`: as in an export
-- @tparam ?table reset names of states that get their default instead, if `states` does not have them
-- @treturn function() that undoes the import of the globals; the states are restored with the failed handler
-- @treturn ?table those of `reset` that have their default now; nil without `reset`
-- @raise a failure `DIGEST_MISMATCH` or `BAD_STATE`
function state.place(given, reset)
  local states, shared = given.states, nil
  if given.schema == 3 or not given.isUnpacked then states, shared = statesOf(given) end
  if not shared then
    local undo, join = importGlobals.take(given.globals, given.tables)
    local _, done = setStates(states, reset)
    join()
    return undo, done
  end
  -- First the states, to whose tables the globals may refer.
  local placed, done = setStates(states, reset)
  for id, t in pairs(shared) do shared[id] = placed[t] or t end
  local undo = importGlobals.take(given.globals, given.tables, shared)
  local isSame, problem = pcall(assertSame, given)
  if not isSame then
    undo()
    error(problem, 0)
  end
  return undo, done
end

--- Replaces the content of the states and globals with the result of `export`.
-- @tparam ?table reset see `place`
-- @treturn string the digest
-- @treturn function() see `place`
-- @treturn ?table see `place`
-- @raise a failure `DIGEST_MISMATCH` or `BAD_STATE`; then nothing is changed
function state.import(exported, digest, reset)
  local actual = verified(exported, digest)
  return actual, state.place(exported, reset)
end

return state
