--- The globals of a program: what a program that knows nothing of the fleet keeps between messages.
--
-- Whose a global is, is told by the running image: each load takes down which globals there were before its bundle ran, and in a process of
-- its own the first one sees aos' alone. Which of the others are state and which are the code's own (settings, tables of functions, aliases
-- of modules) is told by what happens to them: a global that no message changes is made again by every load, so it is code, and the new
-- code's value counts; one that a message changed, even once, is state from then on and is carried. `state: { globals: [...] }` in the
-- declaration says it instead; then those are carried, and what else was changed is named as left behind.
--
-- Local variables of the program's chunks and functions cannot be seen from here, and are never carried.
local exact = require("fleet.exact")
local fail = require("fleet.fail")
local json = require("fleet.json")
local memory = require("fleet.memory")
local store = require("fleet.store")

local globals = {}

--- Table entries, in all globals together, that are remembered to tell what changed; beyond it a global is taken for state.
local MOST = 20000

-- Globals of aos itself that no module of it is; for processes in which a program ran before anything was taken down.
local OWN = {
  Bell = true, Colors = true, Errors = true, HANDLER_PRINT_LOGS = true, Inbox = true, Name = true, Nonce = true, Owner = true,
  Seeded = true, Version = true, _VERSION = true, Fleet = true,
}

--- Set by the bundle where the declaration names globals; taken down and removed by the commit.
local DECLARED = "FLEET_STATE_GLOBALS"

-- `loaded`: what a load made of a global; nil where it made none, false where that is not known.
store.globals = store.globals or { seen = false, aos = {}, changed = {}, loaded = {} }
local known = store.globals

local function isModule(value)
  -- A module that returns nothing is loaded as `true`, which is no name of it.
  if type(value) ~= "table" and type(value) ~= "function" then return false end
  for _, module in pairs(package.loaded) do
    if rawequal(module, value) then return true end
  end
  return false
end

-- Names of the program's own globals that hold something else than code, now or when they were loaded.
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

--- Looks which globals messages have changed since they were loaded. What is changed stays so.
local function look()
  for _, name in ipairs(candidates()) do
    local kept = known.loaded[name]
    if not known.changed[name] and not (kept and memory.holds(kept, rawget(_G, name))) then known.changed[name] = true end
  end
end

--- Before a bundle is loaded: what was changed until now, was changed by messages.
function globals.before()
  if known.seen then look() end
end

--- Whether an earlier load took down whose the globals are.
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

--- Takes down which globals the bundle that is being loaded declares.
function globals.declare()
  known.declared = declaredIn(rawget(_G, DECLARED))
  rawset(_G, DECLARED, nil)
end

-- Whether a load made a table of functions anew: what it holds is the load's, whoever ran before.
local function isLibrary(value)
  if type(value) ~= "table" then return false end
  for _, v in next, value do
    if type(v) == "function" then return true end
  end
  return false
end

--- What a hand-over of the program that is being loaded would do with a global: KEPT, or LEFT where messages changed one that is not
-- declared; nil for the code's own. Before the first load was taken down every one that is not aos' is LEFT.
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

--- At the end of a load: whose the globals are.
-- @tparam ?table before all globals as they were before the bundle ran
-- @tparam boolean own whether no program but the fleet's ran in this process before
function globals.loaded(before, own)
  before = before or {}
  if not known.seen then
    for name, value in next, before do
      if type(name) == "string" and (own or OWN[name] or isModule(value)) then known.aos[name] = true end
    end
    known.aos[DECLARED] = nil
  end
  -- A name that the load made a name of code is state no more: there is nothing of it that could be moved.
  for name in pairs(known.changed) do
    local value = rawget(_G, name)
    if not rawequal(value, before[name]) and (type(value) == "function" or isModule(value)) then
      known.changed[name], known.loaded[name] = nil, nil
    end
  end
  local room = MOST
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

--- What an export carries, as `exact.pack` writes it.
-- @tparam ?table names instead of those that the program declares or that were found
-- @treturn table { globals, tables }, both empty where there is nothing
-- @treturn table names of what is carried · names of what was changed and is not
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
      error(fail.new("EXPORT_UNSUPPORTED", "a global whose name is a " .. type(k) .. " cannot be moved", "Name it by a text."))
    end
  end
  local packed, tables = exact.pack(roots, gone)
  return { globals = packed, tables = tables }, carried, left
end

-- A name that came from outside may be no global of aos' or the fleet's own.
local function assertForeign(name)
  local isOwn = known.aos[name] or OWN[name]
  if type(name) ~= "string" or isOwn and name ~= "Name" or type(rawget(_G, name)) == "function" or isModule(rawget(_G, name)) then
    error(fail.new("BAD_STATE", "the global " .. tostring(name) .. " is not the program's to set",
      "Name what is to be carried: state: { globals: [...] } in the declaration."))
  end
end

-- Tables that are not the program's alone, wherever it refers to them.
local function foreign()
  local found = {}
  for _, module in pairs(package.loaded) do
    if type(module) == "table" then found[module] = true end
  end
  for _, state in pairs(store.states) do found[state] = true end
  return found
end

-- Read back as an export would read it: equal means that the very values are here, and not only the text.
local function assertCame(packed, tables, values)
  local gone = {}
  for name in pairs(packed) do
    if values[name] == nil then gone[#gone + 1] = name end
  end
  local again, list = exact.pack(values, gone)
  if json.encode({ again, list }) ~= json.encode({ packed, tables }) then
    error(fail.new("DIGEST_MISMATCH", "the globals that came are not those that were sent", "Tell the maintainers: this is a fault of the library."))
  end
end

--- Sets the globals that an export carried, in the tables that are there. What it does not carry is as it was loaded.
-- @tparam ?table packed, tables as `export` gave them; nil: the export says nothing of globals, and they stay
-- @treturn function() that undoes it
function globals.import(packed, tables)
  if packed == nil then return function() end end
  if type(packed) ~= "table" or type(tables) ~= "table" then
    error(fail.new("BAD_STATE", "the globals are not what EXPORT_STATE of this library gives", "Export the state again."))
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

--- Handlers that wait for one answer (`Receive`): what they do when it comes is in no table.
function globals.waiting()
  local n = 0
  for _, each in ipairs(Handlers.list) do
    if type(each.name) == "string" and each.name:find("^_once_") then n = n + 1 end
  end
  return n
end

return globals
