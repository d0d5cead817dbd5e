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
local fail = require("fleet.fail")
local globals = require("fleet.globals")
local importGlobals = require("fleet.import-globals")
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local memory = require("fleet.memory")
local modules = require("fleet.modules")
local run = require("fleet.run")
local sha256 = require("fleet.sha256")
local stateJson = require("fleet.state-json")
local store = require("fleet.store")

local state = {}

local pack, unpack = stateJson.pack, stateJson.unpack

local UNDO = { copy = true, append = true, none = true }

--- Number of states from which one that a failed message declared is removed again: its name may come from what strangers send.
local MANY = 256

-- Undoes the declaration of a new state by a failed message. The table stays declared, with its first content: the program may have kept it where
-- nothing is undone, as a module does that the message was the first to require, and what it writes there later must not be lost.
local function forget(name, kept)
  memory.restore(kept)
  local count = 0
  for _ in pairs(store.states) do count = count + 1 end
  if count > MANY then store.states[name] = nil end
end

local function made(name, default, undo, partition)
  local isNew, undoBefore, partitionedBefore = store.states[name] == nil, store.undo[name], store.partitioned[name]
  if isNew then store.states[name] = default or {} end
  -- The undo of a message knows the states that existed at its start.
  local kept = isNew and Fleet.context and memory.of(store.states[name], math.huge)
  run.onFailure(function(isDone)
    if isDone then return end
    if kept then forget(name, kept) end
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
  defaults.declare(name, default, store.states[name] == nil, options ~= nil and options.own == true)
  return made(name, default, undo, options and options.partition)
end

--- Exports all states and the program's globals as plain JSON data, with a digest (sha256 of the canonical JSON) to verify copies.
-- @tparam ?table names globals to export instead of the declared or detected ones
-- @tparam ?boolean whole includes globals even if there are none, so that an import also clears them
-- @treturn table { schema, stateVersion, states }, and with globals `schema` 2, which earlier libraries refuse, `globals` and `tables`
-- @treturn string 64 hex digits
-- @treturn table { carried, left, unknown }, see `globals.selected`
function state.export(names, whole)
  local states = json.object()
  for name, value in pairs(store.states) do states[stateJson.key(name, "the list of states")] = pack(value, name) end
  local exported = { schema = 1, stateVersion = store.stateVersion or "1", states = states }
  local found = globals.selected(names)
  local packed, tables = lossless.pack(found.roots, found.gone)
  if #found.carried > 0 then exported.schema = 2 end
  if #found.carried > 0 or whole then exported.globals, exported.tables = packed, tables end
  return exported, sha256(json.encode(exported)), found
end

--- The data of some keys in the partitioned states, in the format of `export`.
-- @tparam function belongs `function(key)`
function state.slice(belongs)
  local states = json.object()
  for name in pairs(store.partitioned) do
    local part = json.object()
    for k, v in pairs(store.states[name] or {}) do
      if belongs(tostring(k)) then part[k] = v end
    end
    states[name] = pack(part, name)
  end
  local exported = { schema = 1, stateVersion = store.stateVersion or "1", states = states }
  return exported, sha256(json.encode(exported))
end

local function verified(exported, digest)
  local actual = sha256(json.encode(exported))
  if actual ~= digest then
    error(fail.new("DIGEST_MISMATCH", "the state has the digest " .. actual .. ", which differs from the given one",
      "Send the state exactly as returned by EXPORT_STATE, with its digest."))
  end
  local isKnown = exported.schema == 1 or exported.schema == 2 and type(exported.globals) == "table" and type(exported.tables) == "table"
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

-- Puts values into the tables that are already at their place, because the program may refer to them. A table that occurs more than once in the
-- states is not filled: it may be one that the code uses for several of them, and the values for its places may differ. Nor is an entry of a list:
-- its place says nothing about what it is, and a handler that waits may refer to it.
-- @treturn function(value, there) returns what to store; `there` is the earlier value at that place
-- @treturn function(table, value) gives a table the content of another one
local function filler()
  local count, foreign, made = lossless.counted(store.states), modules.tables(), {}
  foreign[_G], foreign[Fleet], foreign[store] = true, true, true
  local fill
  local function isFree(t)
    return type(t) == "table" and count[t] == 1 and not foreign[t] and (getmetatable(t) == nil or json.isObject(t))
  end
  local function place(value, there)
    if type(value) ~= "table" then return value end
    if not made[value] then
      made[value] = isFree(there) and there or value
      fill(made[value], value)
    end
    return made[value]
  end
  fill = function(t, value)
    local had = {}
    if not rawequal(t, value) then
      for k, v in next, t do had[k] = v end
      for k in next, had do t[k] = nil end
      if getmetatable(t) == nil or json.isObject(t) then setmetatable(t, getmetatable(value)) end
    end
    local isList = json.isArray(had)
    for k, v in next, value do t[k] = place(v, not isList and had[k] or nil) end
  end
  return place, fill
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
  local place = filler()
  for name in pairs(store.partitioned) do
    local target, had = store.states[name], {}
    for k, v in next, target do
      if belongs(tostring(k)) then had[k] = v end
    end
    for k in next, had do target[k] = nil end
    for k, v in pairs(unpack(exported.states[name] or {})) do target[k] = place(v, had[k]) end
  end
  return actual
end

-- The undo of a message knows of a state with `undo = "append"` only that it grew, and nothing of one with `"none"`; an import replaces them.
local function keepWhole(name)
  if store.undo[name] == "copy" then return end
  local kept = memory.of(store.states[name], math.huge)
  run.onFailure(function(isDone) if not isDone then memory.restore(kept) end end)
end

-- A table that no program of this load has: a later declaration makes the state again, with its default.
local function remove(name)
  local value, undo, partitioned = store.states[name], store.undo[name], store.partitioned[name]
  run.onFailure(function() store.states[name], store.undo[name], store.partitioned[name] = value, undo, partitioned end)
  store.states[name], store.undo[name], store.partitioned[name] = nil, nil, nil
end

--- Replaces the content of states and globals, keeping the tables themselves, also those in them. States that it does not name stay as they are,
-- because a hand-over brings those of an earlier program: a new state has its default there, or what a migration or a first message put into it.
-- @tparam table states name → content, not packed
-- @tparam ?table packed, tables globals as in an export; nil: they are unchanged
-- @tparam ?table reset names of states that get their default instead, if `states` does not have them
-- @treturn function() that undoes the import of the globals; the states are restored with the failed handler
-- @treturn ?table those of `reset` that have their default now; nil without `reset`
function state.place(states, packed, tables, reset)
  local undo, join = importGlobals.take(packed, tables)
  local _, fill = filler()
  for name, value in pairs(states) do
    local root = made(name, {}, store.undo[name] or "copy")
    keepWhole(name)
    fill(root, value)
  end
  local done = reset and {}
  for _, name in ipairs(reset or {}) do
    local isKnown, value = defaults.of(name)
    if isKnown and states[name] == nil then
      keepWhole(name)
      if value then fill(store.states[name], value) else remove(name) end
      done[#done + 1] = name
    end
  end
  join()
  return undo, done
end

--- Replaces the content of the states and globals with the result of `export`.
-- @tparam ?table reset see `place`
-- @treturn string the digest
-- @treturn function() see `place`
-- @treturn ?table see `place`
-- @raise a failure `DIGEST_MISMATCH` or `BAD_STATE`; then nothing is changed
function state.import(exported, digest, reset)
  local actual, states = verified(exported, digest), {}
  for name, value in pairs(exported.states) do states[name] = unpack(value) end
  return actual, state.place(states, exported.globals, exported.tables, reset)
end

return state
