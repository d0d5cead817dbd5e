--- Detects manual changes of the running code. Only Evals bring code into a process: a change by an Eval that is not a load is a manual
-- change; a change by any other message is made by the program itself. So the code is recorded when an Eval starts and compared when the
-- next message starts; in between nothing is stored, and an idle process has no cost.
--
-- Compared by identity: handlers (name, pattern, function, order; what aos wraps or makes for them, by its upvalues), declared actions, checks and invariants, global functions, and
-- functions directly in loaded modules and global tables. Not detected: locals and upvalues, functions deeper in tables, metatables,
-- data, and changes that an Eval defers to a later message (`Receive`).
local handlers = require("fleet.handlers")

local integrity = {}

-- A table with more fields contains data; scanning it at every Eval is not worth the cost.
local MOST_FIELDS = 5000
-- Maximum number of reported changes; the total is also reported.
local MOST_TOLD = 20

local function state()
  if type(Fleet.integrity) ~= "table" then Fleet.integrity = { hand = {} } end
  return Fleet.integrity
end

-- A table of patterns or resolvers can be edited in place, which its shape shows.
local function shape(value, depth)
  depth = depth or 0
  if type(value) ~= "table" then return depth > 0 and tostring(value) or "" end
  if depth > 4 then return "…" end
  local parts = {}
  for key, each in next, value do parts[#parts + 1] = tostring(key) .. "=" .. shape(each, depth + 1) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- aos' own temporary handlers for awaited messages.
local isPassing = handlers.isWaiting

local function takeHandlers(items, order)
  local count = {}
  for _, entry in ipairs(Handlers.list) do
    local name = tostring(entry.name)
    if not isPassing(name) then
      count[name] = (count[name] or 0) + 1
      local key = "HANDLER " .. name .. (count[name] > 1 and "#" .. count[name] or "")
      items[key] = {
        kind = "HANDLER", name = name, entry = entry,
        parts = { entry.pattern, entry.handle, shape(entry.pattern), shape(entry.handle) },
      }
      order[#order + 1] = key
    end
  end
end

local function takeFunctions(items, prefix, of)
  local fields = 0
  for key, value in next, of do
    fields = fields + 1
    if fields > MOST_FIELDS then return end
    if type(key) == "string" and type(value) == "function" then
      local name = prefix .. key
      items["FUNCTION " .. name] = { kind = "FUNCTION", name = name, of = of, key = key, parts = { value } }
    end
  end
end

local function sortedNames(of)
  local names, fields = {}, 0
  for key, value in next, of do
    fields = fields + 1
    if type(key) == "string" and type(value) == "table" then names[#names + 1] = key end
  end
  table.sort(names)
  return names
end

local function takeCode(items)
  takeFunctions(items, "", _G)
  -- A table with two names is reported once, under the global one.
  local seen = { [_G] = true }
  for _, of in ipairs({ _G, package.loaded }) do
    for _, name in ipairs(sortedNames(of)) do
      local found = rawget(of, name)
      if not seen[found] then
        seen[found] = true
        takeFunctions(items, name .. ".", found)
      end
    end
  end
end

local function takeDeclared(items)
  local live = Fleet.live or {}
  for action, entry in pairs(live.actions or {}) do
    items["ACTION " .. action] = { kind = "ACTION", name = action, parts = { entry, entry.handler, entry.who, entry.schema } }
  end
  for kind, list in pairs({ CHECK = live.checks or {}, INVARIANT = live.invariants or {} }) do
    for i, each in ipairs(list) do
      items[kind .. " " .. i .. " " .. each.name] = { kind = kind, name = each.name, parts = { each, each.fn } }
    end
  end
end

local function snapshot()
  local items, order = {}, {}
  takeHandlers(items, order)
  takeCode(items)
  takeDeclared(items)
  return { items = items, order = order }
end

-- aos creates some of its own functions again for each message, always from the same line of its files.
local function isRemade(was, is)
  if not (debug and debug.getinfo) or type(was) ~= "function" or type(is) ~= "function" then return false end
  local a, b = debug.getinfo(was, "S"), debug.getinfo(is, "S")
  return a.source ~= "aos" and a.what ~= "C" and a.source == b.source and a.linedefined == b.linedefined
end

-- How deep upvalues are compared.
local MOST_DEPTH = 6

local function upvalues(fn)
  local found = {}
  for i = 1, debug.getinfo(fn, "u").nups do found[i] = select(2, debug.getupvalue(fn, i)) end
  return found
end

-- Two functions of a handler. aos wraps every handler's function, and makes patterns, by functions of one line: their upvalues differ.
local function isAlike(was, is, depth)
  if rawequal(was, is) or depth > MOST_DEPTH then return true end
  if isRemade(was, is) then return not debug.getupvalue or isAlike(upvalues(was), upvalues(is), depth + 1) end
  if type(was) ~= "table" or type(is) ~= "table" then return false end
  for key, value in next, was do
    if not isAlike(value, rawget(is, key), depth + 1) then return false end
  end
  for key in next, is do
    if rawget(was, key) == nil then return false end
  end
  return true
end

local function isSame(was, is)
  for i = 1, 2 do
    local a, b = was.parts[i], is.parts[i]
    local same = rawequal(a, b) or isRemade(a, b)
    -- A global function of aos may keep a message's own values: only its line counts.
    if same and was.kind == "HANDLER" and type(a) == "function" then same = isAlike(a, b, 0) end
    if not same then return false end
  end
  return was.parts[3] == is.parts[3] and was.parts[4] == is.parts[4]
end

-- Whether the order of the common handlers changed.
local function isMoved(before, after)
  local at, place = 0, {}
  for i, key in ipairs(after.order) do place[key] = i end
  for _, key in ipairs(before.order) do
    local here = place[key]
    if here then
      if here < at then return true end
      at = here
    end
  end
  return false
end

-- Records the original of each manually changed item, once.
local function note(before, after)
  local hand = state().hand
  for key, was in pairs(before.items) do
    local is = after.items[key]
    if not (is and isSame(was, is)) and hand[key] == nil then hand[key] = { was = was } end
  end
  for key, is in pairs(after.items) do
    -- A new function hides nothing; a new handler, action or check may.
    if not before.items[key] and is.kind ~= "FUNCTION" and hand[key] == nil then hand[key] = { added = is } end
  end
  local touched = isMoved(before, after)
  for key in pairs(hand) do touched = touched or key:sub(1, 8) == "HANDLER " end
  if touched and state().order == nil then state().order = before.order end
end

local function settle()
  local own = state()
  local before = own.pending
  own.pending = nil
  if before then note(before, snapshot()) end
end

--- Called when a message starts, before any handler.
-- @tparam boolean isEval whether the message may contain code
function integrity.turn(isEval)
  settle()
  if isEval and Fleet.live then state().pending = snapshot() end
end

--- Called after a load: its code is the new reference.
function integrity.reset()
  Fleet.integrity = { hand = {} }
end

--- All manual changes since the load: key → { was } or { added }.
function integrity.hand()
  settle()
  return state().hand
end

local WORDS = { GONE = 1, ADDED = 2, CHANGED = 3, MOVED = 4 }

--- The manual changes that are still in effect; reverted ones are not included.
-- @treturn table a list of { kind = HANDLER, ACTION, CHECK, INVARIANT or FUNCTION, change = GONE, ADDED, CHANGED or MOVED, name }
function integrity.found()
  local own = state()
  settle()
  local found = {}
  if next(own.hand) == nil and own.order == nil then return found end
  local now = snapshot()
  for key, each in pairs(own.hand) do
    local is = now.items[key]
    local change
    if each.added then
      change = is and "ADDED"
    elseif not is then
      change = "GONE"
    elseif not isSame(each.was, is) then
      change = "CHANGED"
    end
    local item = each.added or each.was
    if change then found[#found + 1] = { kind = item.kind, change = change, name = item.name } end
  end
  if own.order and isMoved({ order = own.order }, now) then
    found[#found + 1] = { kind = "HANDLER", change = "MOVED", name = "" }
  end
  table.sort(found, function(a, b)
    if a.kind ~= b.kind then return a.kind < b.kind end
    if a.name ~= b.name then return a.name < b.name end
    return WORDS[a.change] < WORDS[b.change]
  end)
  local told = {}
  for i = 1, math.min(#found, MOST_TOLD) do told[i] = found[i] end
  return told, #found
end

local VERBS = { GONE = "is missing", ADDED = "was added", CHANGED = "was changed", MOVED = "order was changed" }

--- The same as text for people.
function integrity.words()
  local found, all = integrity.found()
  local words = {}
  for i, each in ipairs(found) do
    words[i] = each.kind:lower() .. (each.name == "" and "" or " " .. each.name) .. " " .. VERBS[each.change]
  end
  if all and all > #found then words[#words + 1] = (all - #found) .. " more" end
  return table.concat(words, ", ")
end

local function putHandlers(own)
  local list, entries, taken, ordered = Handlers.list, {}, {}, {}
  local now = snapshot().items
  local dropped, before = {}, {}
  for key, each in pairs(own.hand) do
    if each.added and each.added.kind == "HANDLER" then dropped[each.added.entry] = true end
    if each.was and each.was.kind == "HANDLER" then
      before[key] = (now[key] or each.was).entry
      before[key].pattern, before[key].handle = each.was.parts[1], each.was.parts[2]
    end
  end
  for _, key in ipairs(own.order) do
    local entry = before[key] or now[key] and now[key].entry
    if entry and not dropped[entry] then
      ordered[#ordered + 1] = entry
      taken[entry] = true
    end
  end
  -- Handlers that were added meanwhile keep their side: those that wait for an answer come first.
  for _, entry in ipairs(list) do
    if not taken[entry] and not dropped[entry] and isPassing(tostring(entry.name)) then entries[#entries + 1] = entry end
  end
  for _, entry in ipairs(ordered) do entries[#entries + 1] = entry end
  for _, entry in ipairs(list) do
    if not taken[entry] and not dropped[entry] and not isPassing(tostring(entry.name)) then entries[#entries + 1] = entry end
  end
  for i = 1, math.max(#list, #entries) do list[i] = entries[i] end
end

--- Reverts manual changes of functions and handlers, so that a load starts from the original code of the program and aos. Declarations
-- are not reverted, because every load makes them again.
-- @treturn table the changes that were found
function integrity.repair()
  local found = integrity.found()
  local own = state()
  for _, each in pairs(own.hand) do
    local was = each.was
    if was and was.kind == "FUNCTION" then rawset(was.of, was.key, was.parts[1]) end
  end
  if own.order then putHandlers(own) end
  integrity.reset()
  return found
end

return integrity
