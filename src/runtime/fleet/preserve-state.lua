--- Keeps the state that messages set across a load in place, as a hand-over to a new process would carry it.
--
-- The library is evaluated before the program: at that time every table of `fleet.state` and every global that may be state is recorded by
-- reference, with a flat copy of each table in it. At the commit they are compared. Values that the code assigned, changed or removed are
-- restored: in the code's new tables if it created some, because its functions may refer to them. Additions of the code to existing tables
-- are kept, and so is behaviour (functions, metatables), which always belongs to the code. The comparison is by reference, in time
-- proportional to the state; no digest is computed.
local globals = require("fleet.globals")
local json = require("fleet.json")
local modules = require("fleet.modules")
local record = require("fleet.memory")
local store = require("fleet.store")

local preserve = {}

local function same(a, b)
  return rawequal(a, b) or (a ~= a and b ~= b)
end

local function isCode(value)
  local kind = type(value)
  return kind == "function" or kind == "thread" or kind == "userdata"
end

-- Big integers of aos and the null of the library's JSON are tables but immutable values, so they must never be changed in place.
local function isValue(value)
  local class = getmetatable(value)
  return type(class) == "table" and rawget(class, "bits") ~= nil or json.isNull(value)
end

-- Tables that do not belong to the program alone, although it may refer to them.
local function foreign()
  local found = modules.tables()
  found[_G], found[store] = true, true
  if type(Fleet) == "table" then found[Fleet] = true end
  return found
end

-- Copies all tables that are reachable from a value and not copied yet.
local function walk(memory, value)
  local queue, at = {}, 1
  local function meet(t)
    if type(t) ~= "table" or memory.copies[t] or memory.foreign[t] then return end
    memory.copies[t] = {}
    queue[#queue + 1] = t
  end
  meet(value)
  while queue[at] do
    local t = queue[at]
    local copy = memory.copies[t]
    for k, v in next, t do
      copy[k] = v
      if type(k) == "table" then meet(k) end
      if type(v) == "table" then meet(v) end
    end
    at = at + 1
  end
end

--- Records the state before the program is evaluated.
-- @treturn table for `settle`
function preserve.take()
  local memory = { roots = {}, copies = {}, foreign = foreign() }
  for _, name in ipairs(globals.names()) do memory.roots[#memory.roots + 1] = { kind = "GLOBAL", name = name, value = rawget(_G, name) } end
  local names = {}
  for name in pairs(store.states) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do memory.roots[#memory.roots + 1] = { kind = "STATE", name = name, value = store.states[name] } end
  for _, root in ipairs(memory.roots) do walk(memory, root.value) end
  return memory
end

local function current(root)
  if root.kind == "STATE" then return store.states[root.name] end
  return rawget(_G, root.name)
end

-- Calls `visit(table, copy)` for all recorded tables of a value.
local function each(memory, value, seen, visit)
  local stack = { value }
  while #stack > 0 do
    local t = table.remove(stack)
    local copy = memory.copies[t]
    if copy and not seen[t] then
      seen[t] = true
      visit(t, copy)
      for k, v in next, copy do
        if type(k) == "table" then stack[#stack + 1] = k end
        if type(v) == "table" then stack[#stack + 1] = v end
      end
    end
  end
end

-- What the load did to existing tables: table → "CHANGED" or "ADDED".
local function touched(memory)
  local found = {}
  for t, copy in next, memory.copies do
    for k, v in next, copy do
      if not isCode(v) and not same(rawget(t, k), v) then
        found[t] = "CHANGED"
        break
      end
    end
    if not found[t] then
      for k, v in next, t do
        if copy[k] == nil and not isCode(v) then
          found[t] = "ADDED"
          break
        end
      end
    end
  end
  return found
end

-- What the load did to a root: nil, "CHANGED", "ADDED", or "CODE" if its name is now used for code.
local function verdict(memory, root, marks)
  local now = current(root)
  if isCode(root.value) or type(root.value) == "table" and memory.foreign[root.value] then return nil end
  if root.value == nil then return now ~= nil and not isCode(now) and "ADDED" or nil end
  if not same(root.value, now) then
    return (isCode(now) or type(now) == "table" and memory.foreign[now]) and "CODE" or "CHANGED"
  end
  if next(marks) == nil then return nil end
  local found
  each(memory, root.value, {}, function(t)
    if marks[t] == "CHANGED" or not found then found = marks[t] or found end
  end)
  return found
end

-- Pairs each old table with the new one that replaces it. No new table is used twice, and none that others use is filled.
local function pairUp(memory, roots)
  local swap, used = {}, {}
  local function pair(old, new, isRoot)
    local copy = memory.copies[old]
    if not copy or type(new) ~= "table" or rawequal(old, new) or swap[old] or memory.copies[new] or memory.foreign[new] then return end
    if isValue(old) or isValue(new) or used[new] == true or used[new] == "GLOBAL" and not isRoot then return end
    swap[old], used[new] = new, true
    for k, v in next, copy do
      if type(v) == "table" then pair(v, rawget(new, k)) end
    end
  end
  for name, value in next, _G do
    if type(name) == "string" and type(value) == "table" then used[value] = "GLOBAL" end
  end
  for _, root in ipairs(roots) do pair(root.value, current(root), true) end
  return swap
end

local function putBack(memory, wanted, marks)
  local reassigned = {}
  for _, root in ipairs(wanted) do
    if not same(root.value, current(root)) then reassigned[#reassigned + 1] = root end
  end
  local swap, seen = pairUp(memory, reassigned), {}
  local hasSwap = next(swap) ~= nil
  -- A nil value cannot be looked up in `swap`.
  local function now(value)
    return value ~= nil and swap[value] or value
  end
  local function write(t, copy)
    local into = swap[t] or t
    if not hasSwap and marks[t] ~= "CHANGED" then return end
    local behaviour = {}
    for k, v in next, into do
      if isCode(v) then behaviour[k] = v end
      if swap[t] then rawset(into, k, nil) end
    end
    if swap[t] then
      for k, v in next, behaviour do rawset(into, k, v) end
    end
    for k, v in next, copy do
      if not isCode(v) then rawset(into, now(k), now(v)) elseif type(k) == "table" and swap[k] then rawset(into, swap[k], v) end
      if type(k) == "table" and swap[k] and not swap[t] then rawset(into, k, nil) end
    end
  end
  for _, root in ipairs(wanted) do each(memory, root.value, seen, write) end
  for _, root in ipairs(reassigned) do rawset(_G, root.name, now(root.value)) end
  for t in next, seen do
    for k, v in next, memory.copies[t] do
      if not isCode(v) and not same(rawget(swap[t] or t, now(k)), now(v)) then
        error("STATE_NOT_KEPT: the state that messages set could not be restored. The load is undone.", 0)
      end
    end
  end
  for _, root in ipairs(wanted) do
    if not same(current(root), now(root.value)) then error("STATE_NOT_KEPT: " .. root.name .. " could not be restored. The load is undone.", 0) end
  end
end

-- Accounts for statements of the load that ran before the library: the constants of a bundle.
local function correct(memory, before)
  for _, root in ipairs(memory.roots) do
    if root.kind == "GLOBAL" and not same(root.value, before[root.name]) then
      root.value = before[root.name]
      walk(memory, root.value)
    end
  end
end

-- Whether the code left in a root what was in it before: then nothing is lost, although its tables are new.
local function isEqual(memory, root)
  local kept = { value = root.value, tables = {}, copies = {} }
  for t, copy in next, memory.copies do kept.tables[#kept.tables + 1], kept.copies[#kept.copies + 1] = t, copy end
  return record.equals(kept, current(root))
end

-- Whether a table had data next to functions, and the code left something else in it.
local function hasData(memory, root)
  for _, v in next, memory.copies[root.value] or {} do
    if not isCode(v) then return not isEqual(memory, root) end
  end
  return false
end

-- Undoes a load that would lose what messages set. The error is data, which the tool reads.
local function refuse(code, more)
  more.fleet, more.code = "refused", code
  error(json.encode(more), 0)
end

-- What happens to state that the load would lose: RESET with this reason, or nil if the load is refused.
local function reasonToLose(given)
  if given.keep == "none" then return "NONE" end
  if globals.isDeclared() then return "NOT_DECLARED" end
  return (given.accepts or given.restored) and "ACCEPTED" or nil
end

--- Called at the commit, before the state is read: restores values that messages set and the code assigned, and reports what the load did.
-- @tparam table memory of `take`
-- @tparam ?table given `before`: all globals before the bundle · `restored`: an earlier state was imported since ·
--   `own`: only the fleet's programs have run here · `keep`: "none" if nothing must be kept · `lost`: see `code-state` · `accepts`: the
--   run accepts that state is lost
-- @treturn ?table { globals, states: names of unchanged state, changes: { kind, name, change, why } }; nil if no state is known.
--   `change`: PUT_BACK, `why` OLDER if it was there before the library · ADDED: the code added to it · RESET: it has the code's value, `why`
--   NONE, NOT_DECLARED, ACCEPTED or CODE
-- @raise JSON with the code STATE_NOT_COMPARED if the code assigned a global and it is unknown whether messages had changed it, or
--   STATE_IN_CODE if the code created again what messages had changed in it
function preserve.settle(memory, given)
  if given.before and not given.restored then correct(memory, given.before) end
  local isFirst = not globals.isKnown()
  if isFirst and given.own then return nil end
  local marks, wanted, changes = touched(memory), {}, {}
  local kept = { GLOBAL = {}, STATE = {} }
  local needsPutBack, unknown = false, {}
  for _, root in ipairs(memory.roots) do
    local role = root.kind == "STATE" and "STATE" or globals.role(root.name)
    local found = role and verdict(memory, root, marks)
    local isKept = role and role ~= "LEFT" and given.keep ~= "none"
    local change, why
    -- A global that the first load creates is its own.
    if isFirst and root.kind == "GLOBAL" and root.value == nil then
      isKept = false
    elseif isFirst and root.kind == "GLOBAL" and globals.isCode(root.name) and hasData(memory, root) then
      change, why = "RESET", "CODE"
    elseif found and found ~= "ADDED" and isKept and role == "UNKNOWN" then
      isKept = false
      if not isEqual(memory, root) then
        unknown[#unknown + 1] = root.name
        change, why = "RESET", reasonToLose(given)
      end
    elseif found == "CODE" then
      isKept, change, why = false, "RESET", "CODE"
    elseif found and isKept then
      change = found == "CHANGED" and "PUT_BACK" or "ADDED"
      if change == "PUT_BACK" and root.kind == "GLOBAL" and globals.isOlder(root.name) then why = "OLDER" end
    elseif found == "CHANGED" then
      change, why = "RESET", given.keep == "none" and "NONE" or "NOT_DECLARED"
    end
    if change then changes[#changes + 1] = { kind = root.kind, name = root.name, change = change, why = why } end
    if isKept then
      wanted[#wanted + 1] = root
      needsPutBack = needsPutBack or change == "PUT_BACK"
      if root.value ~= nil and (root.kind == "GLOBAL" or next(root.value) ~= nil) then table.insert(kept[root.kind], root.name) end
    end
  end
  local why = reasonToLose(given)
  if #unknown > 0 and not why then refuse("STATE_NOT_COMPARED", { globals = unknown }) end
  if #given.lost > 0 and not why then refuse("STATE_IN_CODE", { items = given.lost }) end
  for _, each in ipairs(given.lost) do changes[#changes + 1] = { kind = each.kind, name = each.name, change = "RESET", why = why } end
  if needsPutBack then putBack(memory, wanted, marks) end
  return { globals = kept.GLOBAL, states = kept.STATE, changes = changes }
end

return preserve
