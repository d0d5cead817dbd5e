--- Sets the globals of an export (see `fleet.globals`) in the existing tables.
--
-- The tables of states belong to the states, also if a global refers to them (`Players = fleet.state("players", {})`). An import of globals never
-- fills them. An export with plain states has a copy for each: such a global stays the table of the state if what came for both is the same,
-- otherwise it becomes a table of its own. An export with lossless states refers to one table.
local exactStates = require("fleet.exact-states")
local fail = require("fleet.fail")
local globals = require("fleet.globals")
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local memory = require("fleet.memory")
local modules = require("fleet.modules")
local stateJson = require("fleet.state-json")
local store = require("fleet.store")

local known = store.globals

-- An imported name must not be a global of aos or of the fleet.
local function assertForeign(name)
  local isOwn = type(name) == "string" and globals.isOwn(name) and name ~= "Name"
  if type(name) ~= "string" or isOwn or type(rawget(_G, name)) == "function" or modules.has(rawget(_G, name)) then
    error(fail.new("BAD_STATE", "the global " .. tostring(name) .. " does not belong to the program",
      "List the globals to carry: state: { globals: [...] } in the declaration."))
  end
end

local function mismatch()
  return fail.new("DIGEST_MISMATCH", "the imported globals differ from the exported ones", "Report this to the maintainers: it is a bug in the library.")
end

-- Exports the imported values again and compares, which proves that the values themselves are equal, not only the text.
local function isSame(packed, tables, values)
  local gone = {}
  for name in pairs(packed) do
    if values[name] == nil then gone[#gone + 1] = name end
  end
  local again, list = lossless.pack(values, gone)
  return json.encode({ again, list }) == json.encode({ packed, tables })
end

-- The tables of modules and states.
local function foreignTables()
  local foreign = modules.tables()
  for t in pairs(lossless.counted(store.states)) do foreign[t] = true end
  return foreign
end

-- Globals that are not in the import get the values that they were loaded with.
local function reset(packed, foreign, keep)
  for name in pairs(known.changed) do
    local kept = known.loaded[name]
    if packed[name] == nil and kept ~= false then
      keep(name)
      rawset(_G, name, kept and memory.restore(kept, foreign))
      known.changed[name] = nil
    end
  end
end

-- The tables that are in the states now, at the places of those in an import.
-- @tparam table states the import: name → table
-- @treturn table imported table → the one that is there
local function placesOf(states)
  local there, queue = {}, {}
  local function pair(value, now)
    if type(value) ~= "table" or type(now) ~= "table" or there[value] then return end
    there[value], queue[#queue + 1] = now, value
  end
  for name, value in pairs(states) do pair(value, store.states[name]) end
  local at = 1
  while queue[at] do
    for k, v in next, queue[at] do pair(v, rawget(there[queue[at]], k)) end
    at = at + 1
  end
  return there
end

-- The shared tables of an export that are in the states, at the places where it has them: id → table.
local function inStates(exported)
  local states, shared = lossless.unpack(exported.states, exported.tables, {})
  local there, found = placesOf(states), {}
  for id, t in pairs(shared) do found[id] = there[t] end
  return found
end

-- Compares globals with what was exported. What the load made of the states counts for both.
local function assertSame(exported)
  local states, now, wanted = {}, { roots = {} }, { roots = lossless.unpack(exported.globals, exported.tables, {}, nil, inStates(exported)) }
  for name in pairs(exported.states) do states[name] = store.states[name] end
  for name in pairs(exported.globals) do now.roots[name] = rawget(_G, name) end
  local function text(found)
    return json.encode({ lossless.packed(exactStates.groups(states, found)) })
  end
  if text(now) ~= text(wanted) then error(mismatch()) end
end

local importGlobals = {}

--- Sets the globals of an export, in the existing tables. Globals that are not in it get the values that they were loaded with.
-- @tparam ?table packed, tables the result of `export`; nil: the export has no globals, and they are unchanged
-- @tparam ?table made for an export with lossless states, which are imported before: the tables of `tables` in them, id → table. The caller then
--   compares states and globals with what was sent.
-- @treturn function() that undoes the import
-- @treturn function(came) called once the states have their imported content: globals that were tables of states are that again, if the same came
--   for both. `came`: what came for the tables of the states, if it is not what they have now: table → imported table
function importGlobals.take(packed, tables, made)
  if packed == nil then return function() end, function() end end
  if type(packed) ~= "table" or type(tables) ~= "table" then
    error(fail.new("BAD_STATE", "the globals are not in the format of this library's EXPORT_STATE", "Export the state again."))
  end
  for name in pairs(packed) do assertForeign(name) end
  globals.look()
  local undo, existing, foreign, values = {}, {}, foreignTables(), nil
  local function keep(name)
    local value, changed, loaded, unknown = rawget(_G, name), known.changed[name], known.loaded[name], known.unknown[name]
    local joined = known.joined[name]
    local kept = memory.of(value, math.huge)
    undo[#undo + 1] = function()
      rawset(_G, name, memory.restore(kept, foreign))
      known.changed[name], known.loaded[name], known.unknown[name] = changed, loaded, unknown
      known.joined[name] = joined
    end
  end
  reset(packed, foreign, keep)
  for name in pairs(packed) do
    keep(name)
    existing[name] = rawget(_G, name)
  end
  local function back()
    for i = #undo, 1, -1 do undo[i]() end
  end
  local ok, problem = pcall(function()
    values = lossless.unpack(packed, tables, existing, foreign, made)
    for name in pairs(packed) do
      rawset(_G, name, values[name])
      known.changed[name], known.unknown[name], known.joined[name] = true, nil, nil
    end
    if not made and not isSame(packed, tables, values) then
      error(mismatch())
    end
  end)
  if not ok then
    back()
    error(problem, 0)
  end
  return back, function(came)
    for name, own in pairs(values) do
      local before = existing[name]
      if type(before) == "table" and foreign[before] and not rawequal(before, own) then
        values[name] = came and came[before] or before
        -- A state may have what no global can, such as a table with a metatable.
        local isRead, same = pcall(isSame, packed, tables, values)
        if isRead and same then
          rawset(_G, name, before)
          known.joined[name] = before
        else
          values[name] = own
        end
      end
    end
  end
end

--- Sets the globals of an export again, after a load that followed its import. What they share with the states is what the load left there.
-- @tparam table exported the result of `state.export`
function importGlobals.again(exported)
  if exported.schema == 3 and exported.globals then
    importGlobals.take(exported.globals, exported.tables, inStates(exported))
    assertSame(exported)
  else
    local _, join = importGlobals.take(exported.globals, exported.tables)
    local states, came = {}, {}
    for name, value in pairs(exported.states) do states[name] = stateJson.unpack(value) end
    for value, now in pairs(placesOf(states)) do came[now] = value end
    join(came)
  end
end

return importGlobals
