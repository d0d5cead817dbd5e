--- Who takes a message. A pattern may have effects, so the library never calls one: aos evaluates the handlers, each once and in their
-- order, and this module only observes what their patterns return. `.utils.matchesSpec`, by which aos evaluates a pattern, is wrapped for
-- that. What a pattern would match is only concluded from patterns that are data.
local envelope = require("fleet.envelope")
local handlers = require("fleet.handlers")
local store = require("fleet.store")
local undo = require("fleet.undo")
local waiting = require("fleet.waiting")

local results = {}

local DEEPEST = 3
-- Members that are looked at in one table, and for one pattern: data, such as a table of balances, says nothing about its action.
local MOST_MEMBERS, MOST_VALUES = 200, 1000

-- Not every device can look into functions.
local getupvalue = debug and debug.getupvalue or function() return nil end

-- The message that is evaluated; patterns that passed it on; the built-in action in it that the program may take; the number of outgoing
-- messages before its handlers.
local current = { continued = {} }
-- Built-in actions that a handler of the program took since the load: action → its name.
local took = {}

local function programsName(pattern)
  for _, each in ipairs(Handlers.list) do
    if rawequal(each.pattern, pattern) then
      return not handlers.isOwn(pattern) and not handlers.isAos(each.name) and tostring(each.name) or nil
    end
  end
  return nil
end

local function observe(pattern, match)
  if match == "continue" or type(match) == "number" and match > 0 then
    current.continued[#current.continued + 1] = pattern
  elseif current.action and (match == true or match == "break" or type(match) == "number" and match < 0) then
    local name = programsName(pattern)
    if name then took[current.action] = name end
  end
end

-- The names of the handlers by pattern, for one message.
local named = { of = {} }

-- The name of the handler with a pattern. A message meets each handler that waits (`Receive`), and there may be thousands.
local function nameOf(pattern)
  if not rawequal(named.message, Fleet.current) or named.count ~= #Handlers.list then
    named = { message = Fleet.current, count = #Handlers.list, of = {} }
    for i = #Handlers.list, 1, -1 do named.of[Handlers.list[i].pattern] = Handlers.list[i].name end
  end
  return named.of[pattern]
end

-- Whether a handler is aos' own and changes no state of the program: an Eval of the owner counts by itself.
local function isAosOwn(pattern)
  local name = nameOf(pattern)
  return handlers.isAos(name) and not handlers.isWaiting(name)
end

-- A message that the first handler has not seen: messages can add handlers before it, by `Handlers.prepend`, and such as wait (`Receive`).
local function isEarly(msg)
  return not rawequal(msg, current.msg) and Fleet.current ~= nil and Fleet.current.id == msg.Id and Fleet.current.from == msg.From
end

-- What the program's handlers must not get of a message. There may be thousands before the first one (`Receive`).
local closed = {}

-- A handler that waited continues the work of the message that it began with.
local function nameAuthor(pattern, isTaken)
  if not isTaken and Fleet.author == nil then return end
  local name = nameOf(pattern)
  if name then Fleet.author = isTaken and handlers.isWaiting(name) and waiting.authorOf(name) or nil end
end

--- Installs the observer; a later bundle replaces it instead of wrapping it again.
-- @tparam function isClosed `function(msg)`: whether the program's handlers must not get a message; those that wait for it still do
-- @tparam function heldNow `function(msg)` returns `function(name)`, whether a handler that waits does not get it either, or nil if all of them do
function results.install(isClosed, heldNow)
  local utils = package.loaded[".utils"]
  if type(utils) ~= "table" or type(utils.matchesSpec) ~= "function" then return end
  if utils.matchesSpec ~= Fleet.matchesSpec then Fleet.aosMatchesSpec = utils.matchesSpec end
  local matchesSpec = Fleet.aosMatchesSpec
  Fleet.matchesSpec = function(msg, pattern)
    local isForeign = type(msg) == "table" and not handlers.isOwn(pattern)
    if isForeign and envelope.isRepeated(msg) then return false end
    local isBefore = isForeign and isEarly(msg)
    if isForeign and Fleet.current and not rawequal(closed.message, Fleet.current) then closed = { message = Fleet.current, isHeld = heldNow(msg) } end
    if isBefore and closed.is == nil then closed.is = isClosed(msg) end
    if isForeign and (closed.isHeld or isBefore and closed.is) then
      local name = nameOf(pattern)
      if name and closed.isHeld and closed.isHeld(name) then return false end
      if name and isBefore and closed.is and not handlers.isWaiting(name) then return false end
    end
    local match = matchesSpec(msg, pattern)
    local isTaken = match and match ~= 0 and match ~= "skip"
    if isForeign and not Fleet.context then nameAuthor(pattern, isTaken) end
    local isCurrent = rawequal(msg, current.msg)
    if (isBefore or isForeign and isCurrent) and isTaken and not isAosOwn(pattern) then undo.mayChange() end
    if match and isCurrent then observe(pattern, match) end
    return match
  end
  utils.matchesSpec = Fleet.matchesSpec
end

--- Whether the library sees which handlers take a message.
function results.isInstalled()
  local utils = package.loaded[".utils"]
  return type(utils) == "table" and Fleet.matchesSpec ~= nil and utils.matchesSpec == Fleet.matchesSpec
end

--- Called by the first handler, before those of the program.
-- @tparam ?string action the built-in action that the program may take
function results.begin(msg, action)
  current = { msg = msg, continued = {}, action = action, sent = #ao.outbox.Messages }
end

-- Whether a string is a constant of a function, or in its upvalues: what it compares with. A key is found in a table of any size; other members
-- are looked at as far as there is room.
-- @tparam table seen functions and tables whose members are not looked at again: value → true; `room`: values that still may be looked at
local function mentions(value, text, depth, seen)
  if type(value) == "string" then return value == text end
  if depth > DEEPEST then return false end
  if type(value) == "table" then
    if rawget(value, text) ~= nil then return true end
    if seen[value] == true then return false end
    local isState, count = seen[value] == "state", 0
    seen[value] = true
    for _, v in next, value do
      seen.room, count = seen.room - 1, count + 1
      if seen.room < 0 or count > MOST_MEMBERS then return false end
      if isState then
        if type(v) == "table" and rawget(v, text) ~= nil then return true end
      elseif mentions(v, text, depth + 1, seen) then
        return true
      end
    end
  elseif type(value) == "function" and not seen[value] then
    seen[value] = true
    local ok, code = pcall(string.dump, value, true)
    -- A constant is stored with its length.
    if ok and #text < 254 and code:find(string.char(#text + 1) .. text, 1, true) then return true end
    for i = 1, 60 do
      local name, upvalue = getupvalue(value, i)
      if name == nil then break end
      if upvalue ~= _G and mentions(upvalue, text, depth + 1, seen) then return true end
    end
  end
  return false
end

--- Whether a handler of the program sent something to the sender of the message.
function results.isAnswered(msg)
  if not rawequal(msg, current.msg) then return false end
  local sent = ao.outbox.Messages
  for i = current.sent + 1, #sent do
    if sent[i].Target == msg.From then return true end
  end
  return false
end

--- Whether a handler that passed the message on did so because of its action. One that watches every message does not contain its action.
function results.isHandled(msg)
  if results.isAnswered(msg) then return true end
  if not rawequal(msg, current.msg) then return false end
  for _, pattern in ipairs(current.continued) do
    local seen = { room = MOST_VALUES }
    -- What is in a state is data, except a table of routes.
    for _, state in pairs(store.states) do seen[state] = "state" end
    if mentions(pattern, msg.Action, 1, seen) then return true end
  end
  return false
end

local function hasCode(value, depth)
  if type(value) == "function" then return true end
  if type(value) ~= "table" or depth > DEEPEST then return false end
  for _, each in next, value do
    if hasCode(each, depth + 1) then return true end
  end
  return false
end

-- aos' own pattern for the value of a tag: its action, without calling it.
local function tagged(pattern)
  local utils = Handlers.utils
  if type(utils) ~= "table" or type(utils.hasMatchingTag) ~= "function" or not (debug and debug.getinfo) then return nil end
  local ok, sample = pcall(utils.hasMatchingTag, "Action", "x")
  if not ok or type(sample) ~= "function" then return nil end
  local a, b = debug.getinfo(sample, "S"), debug.getinfo(pattern, "S")
  if a.source ~= b.source or a.linedefined ~= b.linedefined or a.what == "C" then return nil end
  local values = {}
  for i = 1, 4 do
    local name, value = getupvalue(pattern, i)
    if name == nil then break end
    values[name] = value
  end
  return values.name == "Action" and values.value or nil
end

-- Whether a pattern matches a message by its action, as far as that can be read from it.
local function isFor(pattern, action)
  if type(pattern) == "string" then return pattern == action end
  if type(pattern) == "function" then return tagged(pattern) == action end
  if type(pattern) ~= "table" or hasCode(pattern, 1) then return false end
  for key in next, pattern do
    if key ~= "Action" then return false end
  end
  local ok, match = pcall(Fleet.aosMatchesSpec or function() end, { Action = action, Tags = { Action = action } }, pattern)
  return ok and match == true
end

--- The built-in actions that the program's handlers answer: those whose pattern can be read, and those that took such an action since the
-- load.
-- @tparam table actions their names, sorted
-- @treturn table a list of { action, handler }
function results.list(actions)
  local list = {}
  for _, action in ipairs(actions) do
    local handler = took[action]
    for _, each in ipairs(Handlers.list) do
      local isPrograms = not handlers.isOwn(each.pattern) and not handlers.isAos(each.name)
      if not handler and isPrograms and isFor(each.pattern, action) then handler = tostring(each.name) end
    end
    if handler then list[#list + 1] = { action = action, handler = handler } end
  end
  return list
end

return results
