--- `Handlers`, as programs for aos use it: an ordered list of { name, pattern, handle, maxRuns }. The first that matches takes the message,
-- unless its pattern returns "continue".
local utils = parts.utils
local handlers = { list = {}, coroutines = {}, onceNonce = 0 }

local function placeOf(name)
  for i, each in ipairs(handlers.list) do
    if each.name == name then return i end
  end
  return nil
end

--- A handle that is a table picks the function of the first pattern that matches.
function handlers.generateResolver(handle)
  return function(msg, ...)
    if type(handle) == "function" then return handle(msg, ...) end
    for spec, fn in pairs(handle) do
      if utils.matchesSpec(msg, spec) then return fn(msg) end
    end
  end
end

local function entryOf(name, pattern, handle, maxRuns)
  local isPattern = type(pattern) == "function" or type(pattern) == "table" or type(pattern) == "string"
  if type(name) ~= "string" or not isPattern or handle == nil then
    error("Invalid arguments: expected a name (string), a pattern (action, table or function) and a handle (function or table)", 3)
  end
  return { name = name, pattern = pattern, handle = handlers.generateResolver(handle), maxRuns = maxRuns }
end

-- With two arguments, the name is the action.
local function arguments(...)
  if select("#", ...) == 2 then
    local name, handle = ...
    return name, name, handle
  end
  return ...
end

-- A handler of the same name is replaced at its place.
local function put(entry, at)
  local place = placeOf(entry.name)
  if place then
    local known = handlers.list[place]
    known.pattern, known.handle, known.maxRuns = entry.pattern, entry.handle, entry.maxRuns
  else
    table.insert(handlers.list, at or #handlers.list + 1, entry)
  end
end

function handlers.add(...)
  put(entryOf(arguments(...)))
  return #handlers.list
end

function handlers.append(...)
  put(entryOf(arguments(...)))
end

function handlers.prepend(...)
  put(entryOf(arguments(...)), 1)
end

--- Adds a handler that runs once: with a name, or with one of its own.
function handlers.once(...)
  if select("#", ...) == 3 then
    local name, pattern, handle = ...
    return put(entryOf(name, pattern, handle, 1), 1)
  end
  local pattern, handle = ...
  local name = "_once_" .. handlers.onceNonce
  handlers.onceNonce = handlers.onceNonce + 1
  put(entryOf(name, pattern, handle, 1), 1)
end

local function beside(name, offset)
  local place = placeOf(name)
  return {
    add = function(...)
      local entry = entryOf(...)
      if place then table.insert(handlers.list, place + offset, entry) end
    end,
  }
end

function handlers.before(name)
  return beside(name, 0)
end

function handlers.after(name)
  return beside(name, 1)
end

function handlers.remove(name)
  local place = placeOf(name)
  if place then table.remove(handlers.list, place) end
end

function handlers.receive()
  error("lua@5.3a cannot wait for a message in a handler (receive): use a handler, or fleet.call", 0)
end

-- A pattern's answer: below 0 the message is taken, above it is passed on, 0 is no match.
local function verdict(match)
  if match == true or match == "break" then return -1 end
  if match == "continue" then return 1 end
  if type(match) == "number" then return match end
  if match == false or type(match) == "string" then return 0 end
  error("Pattern result is not valid, it MUST be string, number, or boolean", 0)
end

local function runOut(entry)
  if entry.maxRuns == nil or entry.maxRuns == "inf" then return end
  entry.maxRuns = entry.maxRuns - 1
  if entry.maxRuns == 0 then handlers.remove(entry.name) end
end

--- Passes a message to the handlers in their order, and to `_default` if none takes it.
function handlers.evaluate(msg, env)
  for _, entry in ipairs(utils.concat(handlers.list, {})) do
    if entry.name ~= "_default" then
      local match = verdict(utils.matchesSpec(msg, entry.pattern))
      if match ~= 0 then
        entry.handle(msg, env)
        runOut(entry)
      end
      if match < 0 then return true end
    end
  end
  local place = placeOf("_default")
  if place then handlers.list[place].handle(msg, env) end
  return false
end

handlers.utils = {
  hasMatchingTag = function(name, value)
    return function(msg) return msg.Tags[name] == value end
  end,
  hasMatchingTagOf = function(name, values)
    return function(msg) return utils.includes(msg.Tags[name], values) end
  end,
  hasMatchingData = function(value)
    return function(msg) return msg.Data == value end
  end,
  reply = function(input)
    return function(msg) msg.reply(type(input) == "string" and { Data = input } or utils.copy(input)) end
  end,
  continue = function(pattern)
    return function(msg)
      local match = utils.matchesSpec(msg, pattern)
      if not match or match == 0 or match == "skip" then return match end
      return 1
    end
  end,
}

package.loaded[".handlers"], package.loaded[".handlers-utils"] = handlers, handlers.utils
return handlers
