--- `require("json")`, as programs for aos use it: an empty table is `[]`, and what cannot be encoded is an error.
local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local DEEPEST = 100

local function quoted(text)
  -- Bytes that are no text would make the whole result unreadable.
  if not utf8.len(text) then text = text:gsub("[\128-\255]", "?") end
  local escaped = text:gsub('[%c"\\]', function(char)
    return ESCAPES[char] or "\\u" .. string.format("%04x", char:byte())
  end)
  return '"' .. escaped .. '"'
end

local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then error("a number that JSON does not have", 0) end
  local integer = math.tointeger(value)
  if integer then return tostring(integer) end
  return string.format("%.14g", value)
end

local write

local function list(value, depth)
  local parts = {}
  for i = 1, #value do parts[i] = write(value[i], depth + 1) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object(value, depth)
  local names, parts, byName = {}, {}, {}
  for key in pairs(value) do
    if type(key) ~= "string" then error("a table with keys that are no strings", 0) end
    names[#names + 1] = key
    byName[key] = value[key]
  end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = quoted(name) .. ":" .. write(byName[name], depth + 1) end
  return "{" .. table.concat(parts, ",") .. "}"
end

write = function(value, depth)
  local kind = type(value)
  if kind == "nil" then return "null" end
  if kind == "string" then return quoted(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then return number(value) end
  if kind ~= "table" then error("a value of type " .. kind, 0) end
  if depth > DEEPEST then error("tables that contain themselves, or are nested too deeply", 0) end
  if next(value) == nil or rawget(value, 1) ~= nil then return list(value, depth) end
  return object(value, depth)
end

--- @raise a string if the value cannot be encoded
function json.encode(value)
  local ok, text = pcall(write, value, 1)
  if not ok then error("json.encode: " .. tostring(text), 0) end
  return text
end

local read

local function fail(at, what)
  error("json.decode: " .. what .. " at character " .. at, 0)
end

local function skip(text, at)
  return (text:find("[^ \t\r\n]", at)) or #text + 1
end

local NAMED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function escape(text, at)
  local letter = text:sub(at, at)
  if letter ~= "u" then return NAMED[letter] or letter, at + 1 end
  local code = tonumber(text:sub(at + 1, at + 4), 16)
  if not code then fail(at, "an invalid escape") end
  at = at + 5
  local isHigh = code >= 55296 and code < 56320 and text:sub(at, at + 1) == "\\u"
  local low = isHigh and text:sub(at + 2, at + 5):match("^%x%x%x%x$")
  if low then
    code = 65536 + (code - 55296) * 1024 + (tonumber(low, 16) - 56320)
    at = at + 6
  end
  return utf8.char(math.tointeger(code)), at
end

local function readString(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\]', from)
    if not stop then fail(at, "a string without an end") end
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    parts[#parts + 1], from = escape(text, stop + 1)
  end
end

local function readList(text, at, depth)
  local found, n = {}, 0
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then return found, at + 1 end
  while true do
    n = n + 1
    found[n], at = read(text, at, depth + 1)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == "]" then return found, at + 1 end
    if char ~= "," then fail(at, "expected , or ]") end
    at = at + 1
  end
end

local function readObject(text, at, depth)
  local found = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then return found, at + 1 end
  while true do
    at = skip(text, at)
    if text:sub(at, at) ~= '"' then fail(at, "expected a name") end
    local name
    name, at = readString(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then fail(at, "expected :") end
    found[name], at = read(text, at + 1, depth + 1)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == "}" then return found, at + 1 end
    if char ~= "," then fail(at, "expected , or }") end
    at = at + 1
  end
end

local WORDS = { ["true"] = true, ["false"] = false }

read = function(text, at, depth)
  if depth > DEEPEST then fail(at, "too many levels") end
  at = skip(text, at)
  local char = text:sub(at, at)
  if char == '"' then return readString(text, at) end
  if char == "{" then return readObject(text, at, depth) end
  if char == "[" then return readList(text, at, depth) end
  -- Luerl tries an anchored pattern that fails at every later position, too.
  local word = char:find("%a") and text:match("^%a+", at)
  if word == "null" then return nil, at + 4 end
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  local digits = char:find("[%-%d]") and text:match("^%-?%d+%.?%d*[eE]?[%+%-]?%d*", at)
  local value = digits and tonumber(digits)
  if not value then fail(at, "an unexpected character") end
  return value, at + #digits
end

--- @raise a string if the text is not JSON
function json.decode(text)
  if type(text) ~= "string" then error("json.decode: expected a string, got " .. type(text), 0) end
  local value, at = read(text, 1, 1)
  if skip(text, at) <= #text then fail(at, "more after the value") end
  return value
end

package.loaded.json, package.loaded[".json"] = json, json
return json
