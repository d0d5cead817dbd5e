-- Makes of a process of an aos image what the device lua@5.3a is on a node: a Lua state that belongs to one module. It is evaluated once, as
-- the owner's Eval; afterwards every message comes here instead of to aos. The module gets globals of its own, with the functions that
-- Luerl has, and with its differences where a module would notice them.
local env = {}
local json = require("json")

local NAMES = {
  "assert", "collectgarbage", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget", "rawlen", "rawset", "setmetatable",
  "tonumber", "tostring", "type",
}
for _, name in ipairs(NAMES) do env[name] = _G[name] end

local LIBRARIES = {
  debug = { "getmetatable", "setmetatable", "getuservalue", "setuservalue" },
  math = {
    "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger", "min", "mininteger",
    "modf", "pi", "rad", "random", "randomseed", "sin", "sqrt", "tan", "tointeger", "type",
  },
  os = { "clock", "date", "difftime", "execute", "exit", "getenv", "remove", "rename", "time", "tmpname" },
  string = {
    "byte", "char", "dump", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper",
  },
  table = { "concat", "insert", "pack", "remove", "sort", "unpack" },
  utf8 = { "char", "charpattern", "codes", "codepoint", "len", "offset" },
}
for library, names in pairs(LIBRARIES) do
  env[library] = {}
  for _, name in ipairs(names) do env[library][name] = (_G[library] or {})[name] end
end
-- Methods of strings are looked up there.
getmetatable("").__index = env.string

env._G, env._VERSION, env.unpack = env, "Lua 5.3", table.unpack
env.print = function() end
env.io = { flush = function() end, write = function() end }

-- Luerl counts its memory only in its own language.
env.collectgarbage = function(option)
  if option == nil or option == "collect" then collectgarbage() end
end

-- An error has no position, and one that is not a string becomes one when it is caught.
env.error = function(value) error(value, 0) end
local function caught(ok, ...)
  if ok then return ok, ... end
  return false, tostring((...))
end
env.pcall = function(fn, ...) return caught(pcall(fn, ...)) end

env.select = function(n, ...)
  if n == "#" then return select("#", ...) + 0.0 end
  return select(n, ...)
end

-- A number in a text is a float, an empty text has no length, and matches cannot be iterated.
env.string.gmatch = function() error("bad argument to 'gmatch'", 0) end
env.string.dump = function() error("bad argument to 'dump'", 0) end
env.tonumber = function(value, base)
  local number
  if base == nil then number = tonumber(value) else number = tonumber(value, base) end
  if type(value) == "string" and number then return number + 0.0 end
  return number
end
env.utf8.len = function(text, ...)
  if text == "" then error("bad argument to 'len'", 0) end
  return utf8.len(text, ...)
end

-- The name of a chunk and its environment are ignored.
env.load = function(chunk)
  if type(chunk) ~= "string" then error("bad argument to load", 0) end
  local made, failure = load(chunk, "=chunk", "t", env)
  if not made then return nil, failure end
  return made
end
env.loadstring = env.load

env.package = { loaded = { _G = env }, preload = {}, searchers = {}, path = "", config = "/\n;\n?\n!\n-\n" }
for library in pairs(LIBRARIES) do env.package.loaded[library] = env[library] end
env.require = function(name)
  local found = env.package.loaded[name]
  if found ~= nil then return found end
  local loader = env.package.preload[name]
  if not loader then error("module '" .. tostring(name) .. "' not found", 0) end
  local result = loader(name)
  if result == nil then result = true end
  env.package.loaded[name] = result
  return result
end

-- What the node adds once the module is loaded; of a table that the module made, it keeps a copy.
local function addLibrary()
  local ao = {}
  for key, value in pairs(type(env.ao) == "table" and env.ao or {}) do ao[key] = value end
  ao.event = function() return "ok" end
  for _, name in ipairs({ "get", "set", "resolve" }) do
    ao[name] = function() error("ao." .. name .. " is not part of the embedded network", 0) end
  end
  env.ao = ao
end

-- What the node makes of a value of the module, which it stores as a message.
local function decoded(value, depth)
  local kind = type(value)
  if kind == "table" then
    if depth > 100 then error("a value that contains itself cannot be stored", 0) end
    local copy = {}
    for key, each in pairs(value) do copy[key] = decoded(each, depth + 1) end
    return copy
  end
  if kind == "function" then error("a function cannot be stored", 0) end
  return value
end

-- The message that the node computes on, and the keys that it had at first.
local state, initial

local function loadModule(text)
  local chunk, failure = load(text, "=module", "t", env)
  if not chunk then error(failure, 0) end
  chunk()
  addLibrary()
end

-- A message names the function in a tag, as nodes let it.
local function call(request)
  local body = type(request.body) == "table" and request.body or {}
  -- And its arguments. A tag is a text, at which the node fails before it calls anything.
  if body.parameters ~= nil or request.parameters ~= nil then error("the arguments are not a list", 0) end
  local fn = env[body["function"] or request["function"] or "compute"]
  if type(fn) ~= "function" then error("undefined function", 0) end
  local argument = decoded(state, 1)
  argument.results = nil
  local status, result = fn(argument, request, {})
  if type(status) == "table" then status, result = "ok", status end
  if status ~= "ok" then error(type(result) == "string" and result or "the module returned an error", 0) end
  if type(result) ~= "table" then error("the module returned no message", 0) end
  state = decoded(result, 1)
  local published = {}
  for key, value in pairs(state) do
    if key ~= "results" and not initial[key] then published[key] = value end
  end
  return { results = state.results or {}, published = published }
end

local function turn(message)
  local input = message.Data
  if input.module then
    loadModule(input.module)
    return { loaded = true }
  end
  if not state then
    state, initial = input.base, {}
    for key in pairs(state) do initial[key] = true end
  end
  return call(input.request)
end

package.loaded[".process"] = {
  handle = function(message)
    local ok, result = pcall(function() return json.encode(turn(message)) end)
    return { Output = ok and { data = result } or { thrown = tostring(result) }, Messages = {}, Spawns = {}, Assignments = {} }
  end,
}
