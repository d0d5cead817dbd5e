--- State that messages keep in the program's code: in tables that modules return, in global functions that they replace, and in handlers
-- that they add or replace. No export contains it, because every load creates code again. So it is named before a load or a hand-over
-- loses it.
--
-- It is detected by comparing with what the load left. Not accessible, and so never named: local variables, values in closures and in
-- metatables, a program's own `_ENV`, fields that a program adds to aos' own tables, and modules that are first required by a message.
local globals = require("fleet.globals")
local handlers = require("fleet.handlers")
local integrity = require("fleet.integrity")
local memory = require("fleet.memory")
local store = require("fleet.store")

local codeState = {}

--- Maximum number of table entries, in all modules together, that are copied to detect changes.
local MAX_ENTRIES = 200000
--- Maximum number of reported items.
local MAX_ITEMS = 200

-- `modules`: list of { name, kept }; `functions`: name → function; `handlers`: entry → { handle }. Absent before a load by a
-- library that records it.
store.code = store.code or { names = {} }
local known = store.code

-- The library is evaluated before the program, so these are the modules of aos and of the library.
local others = {}
for name in pairs(package.loaded) do
  if not known.names[name] then others[name] = true end
end

local function isImages(name)
  for i = 2, #package.searchers do
    local ok, loader = pcall(package.searchers[i], name)
    if ok and type(loader) == "function" then return true end
  end
  return false
end

local function isPrograms(name)
  if type(name) ~= "string" or others[name] or name == "fleet" or name:sub(1, 6) == "fleet." then return false end
  if not known.names[name] then known.names[name] = not isImages(name) end
  return known.names[name]
end

-- Tables that are carried with states and globals, or that belong to others: a module may refer to them.
local function outside()
  local found, stack = { [_G] = true, [store] = true }, {}
  for _, value in pairs(package.loaded) do
    if type(value) == "table" then found[value] = true end
  end
  local function meet(value)
    if type(value) ~= "table" or found[value] then return end
    found[value] = true
    stack[#stack + 1] = value
  end
  for _, state in pairs(store.states) do meet(state) end
  for _, name in ipairs(globals.names()) do meet(rawget(_G, name)) end
  while #stack > 0 do
    for k, v in next, table.remove(stack) do
      meet(k)
      meet(v)
    end
  end
  for _, value in next, _G do
    if type(value) == "table" then found[value] = true end
  end
  return found
end

local function takeModules()
  local names, seen, list, room = {}, {}, {}, MAX_ENTRIES
  for name, value in pairs(package.loaded) do
    if type(value) == "table" and isPrograms(name) then names[#names + 1] = name end
  end
  table.sort(names)
  local skip = outside()
  for _, name in ipairs(names) do
    local value = package.loaded[name]
    if not seen[value] then
      seen[value] = true
      local kept, left = memory.of(value, room, skip)
      if kept then room = left end
      list[#list + 1] = { name = name, value = value, kept = kept }
    end
  end
  return list
end

local function isOwnHandler(entry)
  local name = tostring(entry.name)
  return name:sub(1, #handlers.PREFIX) ~= handlers.PREFIX and not handlers.isAos(name)
end

--- Called at the end of a load, when all handlers are in place.
function codeState.record()
  known.modules, known.functions, known.handlers = takeModules(), {}, {}
  for name, value in next, _G do
    if type(name) == "string" and type(value) == "function" and not globals.isOwn(name) then known.functions[name] = value end
  end
  for _, entry in ipairs(Handlers.list) do
    if isOwnHandler(entry) then known.handlers[entry] = { handle = entry.handle } end
  end
end

-- Where a function is defined in the program, and its bytecode; aos wraps handlers, so their upvalues are searched.
local function definition(fn, depth)
  if type(fn) ~= "function" or not (debug and debug.getinfo) then return nil end
  local info = debug.getinfo(fn, "S")
  if info.source == "aos" then
    local ok, code = pcall(string.dump, fn, true)
    return ok and info.linedefined .. ":" .. code or nil
  end
  for i = 1, depth > 0 and 20 or 0 do
    local name, value = debug.getupvalue(fn, i)
    if name == nil then return nil end
    local found = definition(value, depth - 1)
    if found then return found end
  end
end

-- A function that a message defines again from the same place has the same code; its upvalues are not accessible in general.
local function isSame(a, b)
  if rawequal(a, b) then return true end
  local was = definition(a, 3)
  return was ~= nil and was == definition(b, 3)
end

-- Manual changes of functions and handlers are not state: the next load reverts and reports them.
local function byHand()
  local functions, named = {}, {}
  for _, each in pairs(integrity.hand()) do
    local item = each.was or each.added
    if item.kind == "FUNCTION" then
      functions[item.of] = functions[item.of] or {}
      functions[item.of][item.key] = true
    elseif item.kind == "HANDLER" then
      named[item.name] = true
    end
  end
  return functions, named
end

--- What messages changed in the code since the load.
-- @treturn table a list of { kind = MODULE, FUNCTION or HANDLER, name, change = CHANGED or ADDED, value }, sorted
-- @treturn table names of modules that have too many entries to be compared
function codeState.found()
  local found, notCompared = {}, {}
  if not known.modules then return found, notCompared end
  local functions, manual = byHand()
  local function add(kind, name, change, value)
    found[#found + 1] = { kind = kind, name = name, change = change, value = value }
  end
  local function isManual(of, key)
    return functions[of] ~= nil and functions[of][key] == true
  end
  for _, module in ipairs(known.modules) do
    if not module.kept then
      notCompared[#notCompared + 1] = module.name
    elseif not memory.holds(module.kept, module.value, isManual) then
      add("MODULE", module.name, "CHANGED", module.value)
    end
  end
  for name, value in pairs(known.functions) do
    local now = rawget(_G, name)
    if not isSame(now, value) and (now == nil or type(now) == "function") and not isManual(_G, name) then add("FUNCTION", name, "CHANGED", now) end
  end
  -- During a load, the program's handlers are not in the list.
  for entry, was in pairs(known.handlers) do
    local name = tostring(entry.name)
    if not manual[name] and not isSame(was.handle, entry.handle) then add("HANDLER", name, "CHANGED", entry.handle) end
  end
  for _, entry in ipairs(Handlers.list) do
    local name = tostring(entry.name)
    if isOwnHandler(entry) and not known.handlers[entry] and not manual[name] then add("HANDLER", name, "ADDED", entry.handle) end
  end
  table.sort(found, function(a, b) return a.kind == b.kind and a.name < b.name or a.kind > b.kind end)
  return found, notCompared
end

--- The same for a message: without the values, and shortened.
-- @treturn table a list of { kind, name, change } · number of all of them · names of modules that are too large to be compared
function codeState.report()
  local found, notCompared = codeState.found()
  local told = {}
  for i = 1, math.min(#found, MAX_ITEMS) do told[i] = { kind = found[i].kind, name = found[i].name, change = found[i].change } end
  return told, #found, notCompared
end

--- Called before the program is evaluated: what the load could lose. @treturn table for `lost`
function codeState.take()
  local taken = {}
  for _, each in ipairs(codeState.found()) do
    if each.kind == "MODULE" then each.kept = memory.of(each.value, MAX_ENTRIES, outside()) end
    taken[#taken + 1] = each
  end
  return taken
end

-- Names and functions of the handlers.
local function handlersNow()
  local now = {}
  for _, entry in ipairs(Handlers.list) do now[entry.handle], now[tostring(entry.name)] = true, true end
  return now
end

--- What the load lost of it: modules that it created again with other content, functions and handlers that it defined again, handlers
-- that are gone.
-- @treturn table a list of { kind, name }
function codeState.lost(taken)
  local lost, present = {}, handlersNow()
  for _, each in ipairs(taken) do
    local isLost
    if each.kind == "MODULE" then
      local now = package.loaded[each.name]
      isLost = not rawequal(now, each.value) and not (each.kept and memory.equals(each.kept, now))
    elseif each.kind == "FUNCTION" then
      isLost = not rawequal(rawget(_G, each.name), each.value)
    else
      -- A handler that messages added is not lost if the code registers one of its name.
      isLost = not present[each.change == "ADDED" and each.name or each.value]
    end
    if isLost then lost[#lost + 1] = { kind = each.kind, name = each.name } end
  end
  return lost
end

return codeState
