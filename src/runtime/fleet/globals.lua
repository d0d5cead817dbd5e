--- The globals of a program: the state of programs that do not use `fleet.state`.
--
-- The owner of a global is determined in the running image: each load records the globals before its bundle runs, and in a new process
-- the first load only sees aos' own. Whether another global is state or code (settings, tables of functions, aliases of modules) depends on
-- what happens to it: a global that no message changes is set by every load, so it is code and gets the new code's value; one that a message
-- has changed, even once, is state from then on and is carried. `state: { globals: [...] }` in the declaration overrides this: then those
-- are carried, and other changed globals are reported as left behind.
--
-- Local variables of the program's chunks and functions are not accessible, and are never carried.
local exact = require("fleet.exact")
local fail = require("fleet.fail")
local json = require("fleet.json")
local memory = require("fleet.memory")
local store = require("fleet.store")

local globals = {}

--- Maximum number of table entries, in all globals together, that are copied to detect changes; above it a global counts as state.
local MAX_ENTRIES = 20000

-- Globals of aos itself that are not modules; for processes in which a program ran before globals were recorded.
local OWN = {
  Bell = true, Colors = true, Errors = true, HANDLER_PRINT_LOGS = true, Inbox = true, Name = true, Nonce = true, Owner = true,
  Seeded = true, Version = true, _VERSION = true, Fleet = true,
}

--- Set by the bundle if the declaration lists globals; read and removed by the commit.
local DECLARED = "FLEET_STATE_GLOBALS"

-- `loaded`: the value that a load gave to a global; nil if none, false if unknown.
store.globals = store.globals or { seen = false, aos = {}, changed = {}, loaded = {} }
local known = store.globals

local function isModule(value)
  -- A module that returns nothing is loaded as `true`, which does not identify it.
  if type(value) ~= "table" and type(value) ~= "function" then return false end
  for _, module in pairs(package.loaded) do
    if rawequal(module, value) then return true end
  end
  return false
end

-- Names of the program's own globals that are not code, now or when they were loaded.
local function candidates()
  local names, listed = {}, {}
  for k, v in next, _G do
    if type(k) == "string" and not known.aos[k] and not OWN[k] and k ~= DECLARED and type(v) ~= "function" and not isModule(v) then
      names[#names + 1], listed[k] = k, true
    end
  end
  for _, list in ipairs({ known.loaded, known.changed }) do
    for k in pairs(list) do
      if not listed[k] then names[#names + 1], listed[k] = k, true end
    end
  end
  table.sort(names)
  return names
end

--- Detects globals that messages have changed since they were loaded. A changed global stays marked.
local function look()
  for _, name in ipairs(candidates()) do
    local kept = known.loaded[name]
    if not known.changed[name] and not (kept and memory.holds(kept, rawget(_G, name))) then known.changed[name] = true end
  end
end

--- Called before a bundle is loaded: all changes until now were made by messages.
function globals.before()
  if known.seen then look() end
end

--- Whether an earlier load recorded the owners of the globals.
function globals.isKnown()
  return known.seen
end

local function declaredIn(text)
  if type(text) ~= "string" then return nil end
  local names = {}
  for name in text:gmatch("[^,]+") do names[#names + 1] = name end
  return names
end

--- Names of all globals that may be state.
function globals.names()
  local names, listed = candidates(), {}
  for _, name in ipairs(names) do listed[name] = true end
  for _, list in ipairs({ { "Name" }, known.declared or {}, declaredIn(rawget(_G, DECLARED)) or {} }) do
    for _, name in ipairs(list) do
      if not listed[name] then names[#names + 1], listed[name] = name, true end
    end
  end
  return names
end

--- Records the globals that the bundle being loaded declares.
function globals.declare()
  known.declared = declaredIn(rawget(_G, DECLARED))
  rawset(_G, DECLARED, nil)
end

-- Whether a value is a table with functions: then its content belongs to the load, whatever program ran before.
local function isLibrary(value)
  if type(value) ~= "table" then return false end
  for _, v in next, value do
    if type(v) == "function" then return true end
  end
  return false
end

--- What a hand-over of the program being loaded would do with a global: KEPT, or LEFT if messages changed one that is not
-- declared; nil for the code's own. Before the first recorded load, every global that is not aos' own is LEFT.
function globals.role(name)
  if not known.seen then
    return not OWN[name] and not isLibrary(rawget(_G, name)) and "LEFT" or nil
  end
  for _, each in ipairs(known.declared or {}) do
    if each == name then return "KEPT" end
  end
  if not known.changed[name] then return nil end
  return known.declared and "LEFT" or "KEPT"
end

--- Called at the end of a load: records the owners of the globals.
-- @tparam ?table before all globals before the bundle ran
-- @tparam boolean own whether only the fleet's programs have run in this process
function globals.loaded(before, own)
  before = before or {}
  if not known.seen then
    for name, value in next, before do
      if type(name) == "string" and (own or OWN[name] or isModule(value)) then known.aos[name] = true end
    end
    known.aos[DECLARED] = nil
  end
  -- A name that the load now uses for code is no longer state, because it has no data.
  for name in pairs(known.changed) do
    local value = rawget(_G, name)
    if not rawequal(value, before[name]) and (type(value) == "function" or isModule(value)) then
      known.changed[name], known.loaded[name] = nil, nil
    end
  end
  local room = MAX_ENTRIES
  for _, name in ipairs(candidates()) do
    local value, earlier = rawget(_G, name), before[name]
    if not known.seen and earlier ~= nil and (rawequal(value, earlier) or not isLibrary(value)) then
      known.changed[name], known.loaded[name] = true, false
    end
    if not known.changed[name] then
      local kept
      kept, room = memory.of(value, room)
      known.loaded[name] = kept or false
      if not kept then known.changed[name] = true end
    end
  end
  known.seen = true
end

--- The globals of an export, in the format of `exact.pack`.
-- @tparam ?table names globals to export instead of the declared or detected ones
-- @treturn table { globals, tables }, both empty if there are none
-- @treturn table names of exported globals · names of changed globals that are not exported
function globals.export(names)
  look()
  local wanted, roots, gone, carried, left = {}, {}, {}, {}, {}
  local list = names or known.declared
  if not list then
    list = {}
    for name in pairs(known.changed) do list[#list + 1] = name end
  end
  for _, name in ipairs(list) do
    if not wanted[name] then
      wanted[name] = true
      carried[#carried + 1] = name
      roots[name] = rawget(_G, name)
      if roots[name] == nil then gone[#gone + 1] = name end
    end
  end
  for name in pairs(known.changed) do
    if not wanted[name] then left[#left + 1] = name end
  end
  table.sort(carried)
  table.sort(left)
  for k, v in next, _G do
    if not names and not known.declared and type(k) ~= "string" and type(v) ~= "function" then
      error(fail.new("EXPORT_UNSUPPORTED", "a global whose name is a " .. type(k) .. " cannot be moved", "Use a string as its name."))
    end
  end
  local packed, tables = exact.pack(roots, gone)
  return { globals = packed, tables = tables }, carried, left
end

-- An imported name must not be a global of aos or of the fleet.
local function assertForeign(name)
  local isOwn = known.aos[name] or OWN[name]
  if type(name) ~= "string" or isOwn and name ~= "Name" or type(rawget(_G, name)) == "function" or isModule(rawget(_G, name)) then
    error(fail.new("BAD_STATE", "the global " .. tostring(name) .. " does not belong to the program",
      "List the globals to carry: state: { globals: [...] } in the declaration."))
  end
end

-- Tables that do not belong to the program alone, although it may refer to them.
local function foreign()
  local found = {}
  for _, module in pairs(package.loaded) do
    if type(module) == "table" then found[module] = true end
  end
  for _, state in pairs(store.states) do found[state] = true end
  return found
end

-- Exports the imported values again and compares, which proves that the values themselves are equal, not only the text.
local function assertCame(packed, tables, values)
  local gone = {}
  for name in pairs(packed) do
    if values[name] == nil then gone[#gone + 1] = name end
  end
  local again, list = exact.pack(values, gone)
  if json.encode({ again, list }) ~= json.encode({ packed, tables }) then
    error(fail.new("DIGEST_MISMATCH", "the imported globals differ from the exported ones", "Report this to the maintainers: it is a bug in the library."))
  end
end

--- Sets the globals of an export, in the existing tables. Globals that are not in it get the values that they were loaded with.
-- @tparam ?table packed, tables the result of `export`; nil: the export has no globals, and they are unchanged
-- @treturn function() that undoes the import
function globals.import(packed, tables)
  if packed == nil then return function() end end
  if type(packed) ~= "table" or type(tables) ~= "table" then
    error(fail.new("BAD_STATE", "the globals are not in the format of this library's EXPORT_STATE", "Export the state again."))
  end
  for name in pairs(packed) do assertForeign(name) end
  look()
  local undo, existing = {}, {}
  local function keep(name)
    local value, changed, loaded = rawget(_G, name), known.changed[name], known.loaded[name]
    local kept = memory.of(value, math.huge)
    undo[#undo + 1] = function()
      rawset(_G, name, memory.restore(kept))
      known.changed[name], known.loaded[name] = changed, loaded
    end
  end
  for name in pairs(known.changed) do
    local kept = known.loaded[name]
    if packed[name] == nil and kept ~= false then
      keep(name)
      rawset(_G, name, kept and memory.restore(kept))
      known.changed[name] = nil
    end
  end
  for name in pairs(packed) do
    keep(name)
    existing[name] = rawget(_G, name)
  end
  local function back()
    for i = #undo, 1, -1 do undo[i]() end
  end
  local ok, problem = pcall(function()
    local values = exact.unpack(packed, tables, existing, foreign())
    for name in pairs(packed) do
      rawset(_G, name, values[name])
      known.changed[name] = true
    end
    assertCame(packed, tables, values)
  end)
  if ok then return back end
  back()
  error(problem, 0)
end

--- Number of handlers that wait for an answer (`Receive`): their continuations cannot be exported.
function globals.waiting()
  local n = 0
  for _, each in ipairs(Handlers.list) do
    if type(each.name) == "string" and each.name:find("^_once_") then n = n + 1 end
  end
  return n
end

return globals
