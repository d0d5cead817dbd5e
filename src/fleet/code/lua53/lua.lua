--- Completes the Lua of lua@5.3a, which is Luerl and lacks parts of Lua 5.3. Only what is missing or different is replaced, so under a
-- complete Lua this module changes little. What Lua code cannot add stays missing: `goto`, `_ENV`, coroutines that wait, `debug.getinfo`.
local raise, attempt = error, pcall

-- A node runs processes of anybody: nothing here reaches its files or programs.
io, dofile, loadfile = nil, nil, nil
for _, name in ipairs({ "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname" }) do os[name] = nil end

-- Luerl turns error values that are tables into strings, by which a handler cannot tell a refusal from a fault.
local _, sample = attempt(raise, {})
if type(sample) ~= "table" then
  local thrown, count = {}, 0
  function error(value, level)
    if type(value) ~= "table" and type(value) ~= "function" then return raise(value, level) end
    count = count + 1
    thrown = { key = "error value " .. count, value = value }
    raise(thrown.key, 0)
  end
  local function settle(ok, ...)
    if ok then return ok, ... end
    local value = ...
    if value == thrown.key then return false, thrown.value end
    return false, value
  end
  function pcall(fn, ...)
    return settle(attempt(fn, ...))
  end
end

if not xpcall then
  local function settle(handler, ok, ...)
    if ok then return ok, ... end
    return false, (handler(...))
  end
  function xpcall(fn, handler, ...)
    return settle(handler, pcall(fn, ...))
  end
end

if math.type(select("#")) ~= "integer" then
  local original = select
  function select(n, ...)
    if n == "#" then return math.tointeger(original("#", ...)) end
    return original(n, ...)
  end
end

if math.type(table.pack().n) ~= "integer" then
  function table.pack(...)
    local list = { ... }
    list.n = select("#", ...)
    return list
  end
end

-- Luerl finds nothing in an empty string, and has no iterator over matches.
local function matched(text, first, last, ...)
  if not first then return nil end
  if select("#", ...) > 0 then return ... end
  return string.sub(text, first, last)
end
if string.match("", "^$") == nil then
  function string.match(text, pattern, at)
    return matched(text, string.find(text, pattern, at or 1))
  end
end
if not pcall(string.gmatch, "a", "a") then
  function string.gmatch(text, pattern)
    local at = 1
    local function step(first, last, ...)
      -- After an empty match, the next one begins a character later.
      at = first and (last < first and last + 2 or last + 1) or #text + 2
      return matched(text, first, last, ...)
    end
    return function()
      if at > #text + 1 then return nil end
      return step(string.find(text, pattern, at))
    end
  end
end

-- Luerl reads every number in a text as a float.
if math.type(tonumber("1")) ~= "integer" then
  local original = tonumber
  function tonumber(value, base)
    local number
    if base == nil then number = original(value) else number = original(value, base) end
    local isWhole = type(value) == "string" and (base ~= nil or value:find("^%s*[%+%-]?%d+%s*$"))
    if number and isWhole then return math.tointeger(number) or number end
    return number
  end
end

-- Luerl refuses an empty string.
if not pcall(utf8.len, "") then
  local original = utf8.len
  function utf8.len(text, ...)
    if text == "" then return 0 end
    return original(text, ...)
  end
end

table.unpack = table.unpack or unpack
if not table.move then
  function table.move(from, first, last, at, to)
    to = to or from
    local step = (at > first and to == from) and -1 or 1
    for i = step == 1 and first or last, step == 1 and last or first, step do to[at + i - first] = from[i] end
    return to
  end
end

-- Integers only, each at least a byte: what hashes and binary formats need.
if not string.pack then
  local SIZES = { b = 1, B = 1, h = 2, H = 2, i = 4, I = 4, l = 8, L = 8, j = 8, J = 8 }
  local known = {}
  local function fields(format)
    if known[format] then return known[format] end
    local list, isLittle = {}, true
    for letter, digits in format:gmatch("(%S)(%d*)") do
      if letter == "<" or letter == "=" or letter == ">" then
        isLittle = letter ~= ">"
      else
        local size = SIZES[letter]
        if not size then error("string.pack: lua@5.3a has only formats of integers, got " .. letter, 0) end
        if digits ~= "" and letter:lower() == "i" then size = math.tointeger(tonumber(digits)) end
        list[#list + 1] = { size = size, isSigned = letter == letter:lower(), isLittle = isLittle }
      end
    end
    known[format] = list
    return list
  end
  function string.pack(format, ...)
    local values, parts = { ... }, {}
    for i, field in ipairs(fields(format)) do
      local value, bytes = values[i], {}
      for at = 1, field.size do
        bytes[field.isLittle and at or field.size + 1 - at] = string.char(value & 255)
        value = value >> 8
      end
      parts[i] = table.concat(bytes)
    end
    return table.concat(parts)
  end
  function string.unpack(format, text, at)
    at = at or 1
    local found = {}
    for i, field in ipairs(fields(format)) do
      if at + field.size - 1 > #text then error("string.unpack: data string too short", 0) end
      local value = 0
      for place = 0, field.size - 1 do
        local byte = string.byte(text, field.isLittle and at + field.size - 1 - place or at + place)
        value = value << 8 | byte
      end
      if field.isSigned and field.size < 8 and value >= 1 << field.size * 8 - 1 then value = value - (1 << field.size * 8) end
      found[i], at = value, at + field.size
    end
    found[#found + 1] = at
    return table.unpack(found)
  end
end

-- Functions that run to their end; none can wait for a message.
if not coroutine then
  local function resume(thread, ...)
    if thread.status ~= "suspended" then return false, "cannot resume dead coroutine" end
    thread.status = "running"
    local function finish(...)
      thread.status = "dead"
      return ...
    end
    return finish(pcall(thread.fn, ...))
  end
  coroutine = {
    create = function(fn) return { fn = fn, status = "suspended" } end,
    resume = resume,
    status = function(thread) return thread.status end,
    running = function() return nil, true end,
    isyieldable = function() return false end,
    yield = function() error("lua@5.3a cannot wait in a handler (Receive, coroutine.yield)", 0) end,
    wrap = function(fn)
      return function(...) return fn(...) end
    end,
  }
end

debug.traceback = debug.traceback or function(...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if type(value) == "string" then return value end
  end
  return ""
end

if collectgarbage("count") == nil then
  local collect = collectgarbage
  function collectgarbage(option, ...)
    if option == "count" then return 0.0 end
    return collect(option, ...) or 0
  end
end

-- Where a long bracket (`[==[ … ]==]`) that begins at a position ends; nil if there is none. Without a pattern: Luerl tries an anchored one that
-- fails at every later position, too.
local function endOfBracket(code, at)
  local last = at + 1
  while string.sub(code, last, last) == "=" do last = last + 1 end
  if string.sub(code, last, last) ~= "[" then return nil end
  local _, close = string.find(code, "]" .. string.sub(code, at + 1, last - 1) .. "]", last + 1, true)
  return close or #code
end

-- Where a string or a comment that begins at a position ends; nil if there is none.
local function endOfText(code, at)
  local sign = string.sub(code, at, at)
  if sign == "[" then return endOfBracket(code, at) end
  if sign == "-" then
    if string.sub(code, at + 1, at + 1) ~= "-" then return nil end
    -- Luerl has no other long comment: `--[=[` ends with its line.
    if string.sub(code, at + 2, at + 3) == "[[" then return endOfBracket(code, at + 2) end
    return string.find(code, "\n", at, true) or #code
  end
  local from = at + 1
  while true do
    local found = string.find(code, "[\\" .. sign .. "]", from)
    if not found then return #code end
    if string.sub(code, found, found) == sign then return found end
    from = found + 2
  end
end

-- Whether code has the word as a statement: not in a string or a comment, and not as a part of a name.
local function hasGoto(code)
  if not string.find(code, "goto", 1, true) then return false end
  local at = 1
  while true do
    local found = string.find(code, "[\"'%[%-g]", at)
    if not found then return false end
    if string.sub(code, found, found) ~= "g" then
      at = (endOfText(code, found) or found) + 1
    else
      local isName = found > 1 and string.find(string.sub(code, found - 1, found - 1), "[%w_]") ~= nil
      local _, last = string.find(code, "^[%w_]+", found)
      if not isName and string.sub(code, found, last) == "goto" then return true end
      at = last + 1
    end
  end
end

-- Luerl's own ignores the environment, and would run code in the globals that was to be kept from them.
local probe = load("return lua53_probe", "probe", "t", { lua53_probe = true })
if not (probe and probe()) then
  local compile = load
  function load(chunk, name, mode, env)
    if env ~= nil and env ~= _G then return nil, "lua@5.3a cannot load code with an environment" end
    if type(chunk) == "function" then
      local parts = {}
      repeat
        local part = chunk()
        parts[#parts + 1] = part
      until part == nil or part == ""
      chunk = table.concat(parts)
    end
    -- Luerl's compiler fails at such a statement in a way that no Lua can catch.
    if hasGoto(chunk) then return nil, "lua@5.3a has no goto statement" end
    return compile(chunk)
  end
end

package.loaded.coroutine = coroutine
return true
