--- The globals of a program: the state of programs that do not use `fleet.state`.
--
-- The owner of a global is determined in the running image: each load records the globals before its bundle runs, and in a new process
-- the first load only sees aos' own. Whether another global is state or code (settings, tables of functions, aliases of modules) depends on
-- what happens to it: a global that no message changes is set by every load, so it is code and gets the new code's value; one that a message
-- has changed, even once, is state from then on and is carried. `state: { globals: [...] }` in the declaration overrides this: then those
-- are carried, and other changed globals are reported as left behind.
--
-- Local variables of the program's chunks and functions are not accessible, and are never carried.
local fail = require("fleet.fail")
local image = require("fleet.image-globals")
local json = require("fleet.json")
local memory = require("fleet.memory")
local modules = require("fleet.modules")
local publishedKeys = require("fleet.published-keys")
local defaults = require("fleet.state-defaults")
local store = require("fleet.store")

local globals = {}

--- Maximum number of table entries, in all globals together, that are copied to detect changes. The largest globals are left out first:
-- only whether they were replaced is detected then, not whether messages changed what is in them.
local MAX_ENTRIES = 200000

--- Set by the bundle if the declaration lists globals; read and removed by the commit.
local DECLARED = "FLEET_STATE_GLOBALS"

-- `aos`: the globals before the first load. `loaded`: the value that a load gave to a global; nil if none, false if
-- unknown. `unknown`: globals that are too large to be compared. `joined`: tables of states that an import made globals again, although they came as copies.
store.globals = store.globals or { seen = false, aos = {}, changed = {}, loaded = {} }
local known = store.globals
known.unknown = known.unknown or {}
known.joined = known.joined or {}

-- Whether a global belongs to aos or to the library. Before the first recorded load, the names in any image count.
local function isOwn(name)
  if name == "Fleet" or name == DECLARED or name == publishedKeys.DECLARED then return true end
  return (known.seen and known.aos or image)[name] == true
end

globals.isOwn = isOwn

-- Names of the program's own globals that are not code, now or when they were loaded.
local function candidates()
  local names, listed = {}, {}
  for k, v in next, _G do
    if type(k) == "string" and not isOwn(k) and type(v) ~= "function" and not modules.has(v) then
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
    if not known.changed[name] and not (kept and memory.holds(kept, rawget(_G, name))) then
      known.changed[name], known.unknown[name] = true, nil
    end
  end
end

globals.look = look

--- Called before a bundle is loaded: all changes until now were made by messages.
function globals.before()
  if known.seen then look() end
end

--- Whether an earlier load recorded the owners of the globals.
function globals.isKnown()
  return known.seen
end

--- Whether a global was there before the library: then nothing shows whether messages or the code had set it.
function globals.isOlder(name)
  return not known.seen or known.loaded[name] == false
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
-- @tparam table before all globals before the bundle ran
function globals.declare(before)
  known.declared = declaredIn(rawget(_G, DECLARED))
  rawset(_G, DECLARED, nil)
  if not known.seen then return end
  -- An earlier version of the library took some names for aos' own and recorded nothing about them, so they may be state.
  for _, name in ipairs(candidates()) do
    if known.loaded[name] == nil and before[name] ~= nil then known.changed[name] = true end
  end
end

-- Whether a value is a table with functions: then its content belongs to the load, whatever program ran before.
local function isLibrary(value)
  if type(value) ~= "table" then return false end
  for _, v in next, value do
    if type(v) == "function" then return true end
  end
  return false
end

--- Whether the bundle lists the globals that are state.
function globals.isDeclared()
  return known.declared ~= nil
end

--- Whether the program being loaded uses the name of a global for code, although it is not aos' own.
function globals.isCode(name)
  return not isOwn(name) and isLibrary(rawget(_G, name))
end

--- Whether a global is a table of a state, of which an import brought a copy: it is exported as it came.
function globals.isJoined(name)
  local joined = known.joined[name]
  return joined ~= nil and rawequal(joined, rawget(_G, name))
end

--- What a hand-over of the program being loaded would do with a global: KEPT, or LEFT if messages changed one that is not
-- declared, or UNKNOWN if it is too large to know whether they did; nil for the code's own. Before the first recorded load, every global
-- that is not aos' own may be state: nothing shows who set it.
function globals.role(name)
  local isOlder = not known.seen and not isOwn(name) and not globals.isCode(name)
  if not known.seen and not isOlder then return nil end
  for _, each in ipairs(known.declared or {}) do
    if each == name then return "KEPT" end
  end
  if known.unknown[name] then return known.declared and "LEFT" or "UNKNOWN" end
  if not isOlder and not known.changed[name] then return nil end
  return known.declared and "LEFT" or "KEPT"
end

-- The tables of the states and in them, as far as they have no more entries than are compared.
local function tablesOfStates()
  local found, queue, room = {}, {}, MAX_ENTRIES
  local function add(t)
    if type(t) == "table" and not found[t] then found[t], queue[#queue + 1] = true, t end
  end
  for _, state in pairs(store.states) do add(state) end
  for at = 1, math.huge do
    if not queue[at] then return found end
    for _, v in next, queue[at] do
      room = room - 1
      if room < 0 then return found end
      add(v)
    end
  end
end

-- What was in the states before the program of this load ran.
local earlier = tablesOfStates()

-- The tables that only the states have at the end of a load. One that was a global's own (`Cart = Cart or {}`) before a message put it into a
-- state (`S.cart = Cart`) still is the global's, too: in a new process, nothing else would give it to both.
local function ownOfStates()
  local found = tablesOfStates()
  for _, kept in pairs(known.loaded) do
    for _, t in ipairs(kept and kept.tables or {}) do
      if earlier[t] then found[t] = nil end
    end
  end
  for name, state in pairs(store.states) do
    if defaults.isDeclared(name) then found[state] = true end
  end
  earlier = {}
  return found
end

-- Records the values of a load, the smallest first, so that a large global leaves room for all others. What is in a state is the state's: a
-- global that is one of its tables, or contains one, has only changed if it is, or contains, another table now.
local function record(names, isState)
  local made, room = {}, MAX_ENTRIES
  for _, name in ipairs(names) do
    local value = rawget(_G, name)
    local kept, left = { value = value }, MAX_ENTRIES
    if value == nil or not isState[value] then kept, left = memory.of(value, MAX_ENTRIES, isState) end
    made[#made + 1] = { name = name, kept = kept, size = MAX_ENTRIES - left }
  end
  table.sort(made, function(a, b) return a.size < b.size or a.size == b.size and a.name < b.name end)
  for _, each in ipairs(made) do
    room = room - each.size
    local isKept = each.kept and room >= 0
    known.loaded[each.name] = isKept and each.kept or { value = rawget(_G, each.name) }
    known.unknown[each.name] = not isKept or nil
  end
end

--- Called at the end of a load: records the owners of the globals.
-- @tparam ?table before all globals before the bundle ran
-- @tparam boolean own whether only the fleet's programs have run in this process
function globals.loaded(before, own)
  before = before or {}
  if not known.seen then
    for name, value in next, before do
      if type(name) == "string" and (own or image[name] or modules.has(value)) then known.aos[name] = true end
    end
    known.aos[DECLARED] = nil
  end
  -- A name that the load now uses for code is no longer state, because it has no data; that of a state, which every load gives it, has none of
  -- its own.
  local isState = ownOfStates()
  for name in pairs(known.changed) do
    local value, kept = rawget(_G, name), known.loaded[name]
    if kept and value ~= nil and isState[value] and rawequal(kept.value, value) then
      known.changed[name], known.loaded[name] = nil, nil
    elseif not rawequal(value, before[name]) and (type(value) == "function" or modules.has(value)) then
      known.changed[name], known.loaded[name] = nil, nil
    end
  end
  local names = {}
  for _, name in ipairs(candidates()) do
    local value, earlier = rawget(_G, name), before[name]
    if not known.seen and earlier ~= nil and (rawequal(value, earlier) or not isLibrary(value)) then
      known.changed[name], known.loaded[name] = true, false
    end
    -- What was too large to be compared, and was not set again, may contain what messages set: it stays unknown.
    local isStill = known.unknown[name] and rawequal(value, earlier)
    if not known.changed[name] and not isStill then names[#names + 1] = name end
  end
  record(names, isState)
  known.seen = true
end

--- The globals of an export.
-- @tparam ?table names globals to export instead of the declared or detected ones
-- @treturn table { roots: name → value, gone: names without a value } for `lossless.packed`, and three lists of names, sorted: { carried: exported
--   globals, left: others that messages changed or may have changed, unknown: exported ones of which it is unknown whether messages changed
--   them }
function globals.selected(names)
  look()
  local wanted, roots, gone, carried, left, unknown = {}, {}, {}, {}, {}, {}
  local mayBeState = {}
  for name in pairs(known.changed) do mayBeState[#mayBeState + 1] = name end
  for name in pairs(known.unknown) do mayBeState[#mayBeState + 1] = name end
  local isDetected = not names and not known.declared
  local list = names or known.declared or mayBeState
  for _, name in ipairs(list) do
    if not wanted[name] then
      wanted[name] = true
      carried[#carried + 1] = name
      roots[name] = rawget(_G, name)
      if roots[name] == nil then gone[#gone + 1] = name end
    end
  end
  for _, name in ipairs(mayBeState) do
    if not wanted[name] then left[#left + 1] = name end
    if isDetected and known.unknown[name] then unknown[#unknown + 1] = name end
  end
  for _, each in ipairs({ carried, left, unknown }) do table.sort(each) end
  for k, v in next, _G do
    if isDetected and type(k) ~= "string" and type(v) ~= "function" then
      error(fail.new("EXPORT_UNSUPPORTED", "a global whose name is a " .. type(k) .. " cannot be moved", "Use a string as its name."))
    end
  end
  return { roots = roots, gone = gone, carried = carried, left = left, unknown = unknown }
end

return globals
