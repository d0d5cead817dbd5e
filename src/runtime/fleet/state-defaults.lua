--- What a state contains when nothing has happened to it yet, so that a restore can give a state that is newer than the backup its default again.
--
-- That is the value at the end of the load that created the state, because programs also fill their tables there; once the program declares
-- another default, it is that one.
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local store = require("fleet.store")

local defaults = {}

-- Of this load: names that were declared, those with a default, those that did not exist before, and those of the library.
local declared, given, created, own = {}, {}, {}, {}

-- Nil for a value that cannot be exported.
local function packed(value, name)
  local isPlain, all, tables = pcall(lossless.packed, { { roots = { [name] = value }, isStates = true } })
  return isPlain and { states = all[1], tables = tables } or nil
end

--- Called at each declaration, before the program can change the table.
-- @tparam ?table default as the program gave it
-- @tparam boolean isNew whether the state did not exist before
-- @tparam boolean isOwn whether it is a state of the library, which belongs to the fleet and not to the program
function defaults.declare(name, default, isNew, isOwn)
  declared[name], own[name] = true, own[name] or isOwn
  if isNew then created[name] = true end
  if isOwn or given[name] or default == nil and not isNew then return end
  given[name] = default ~= nil
  local value = packed(default or {}, name)
  local text = value and json.encode(value)
  local known = store.defaults[name]
  if isNew or not known or known.text ~= text then store.defaults[name] = value and { text = text, value = value } or nil end
end

--- Called for a state that is no longer declared.
function defaults.forget(name)
  store.defaults[name], declared[name], given[name], created[name], own[name] = nil, nil, nil, nil, nil
end

--- Whether the running program has declared a state.
function defaults.isDeclared(name)
  return declared[name] == true
end

--- Called at the end of a load.
function defaults.loaded()
  for name in pairs(created) do
    local known = store.defaults[name]
    if known then known.value = packed(store.states[name], name) or known.value end
  end
  created = {}
end

-- A state that the running program has not declared is one of an earlier program: without the state, a declaration makes it again.
local function canReset(name)
  return not own[name] and (not declared[name] or store.defaults[name] ~= nil)
end

--- Names of the states that `value` or a removal would reset, sorted.
function defaults.names()
  local names = {}
  for name in pairs(store.states) do
    if canReset(name) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Whether a state can be reset, and the content that it gets; nil: it is removed.
function defaults.of(name)
  if store.states[name] == nil or not canReset(name) then return false end
  if not declared[name] then return true, nil end
  local value = store.defaults[name].value
  return true, lossless.unpack(value.states, value.tables, {})[name]
end

return defaults
