--- Canonical JSON, which both sides can hash: members sorted by key, no white space, numbers in ECMAScript's format.
-- aos' own `json` writes 14 digits (and loses 2^53), turns every empty table into `[]` and accepts `0x10` and `1e999`;
-- this module writes exactly what it read. An empty table is `[]` unless it is marked as an object (or was parsed as one).
local json = {}

local MAX_DEPTH = 64

-- A metatable without behaviour that distinguishes an empty object from an empty array. Identified by name, because tables of
-- state outlive the code that marked them.
local OBJECT = { __name = "json.object" }

--- Whether a table is marked as an object.
function json.isObject(t)
  local meta = getmetatable(t)
  return type(meta) == "table" and rawget(meta, "__name") == OBJECT.__name
end

--- Encoded as `null`, for a figure that does not exist; decoding returns nil instead.
json.NULL = setmetatable({}, { __name = "json.null" })

--- Whether a table is `NULL`, also that of an earlier load.
function json.isNull(t)
  local meta = getmetatable(t)
  return type(meta) == "table" and rawget(meta, "__name") == "json.null"
end

--- Marks a table as a JSON object, which matters when it is empty.
-- @tparam ?table t
-- @treturn table t
function json.object(t)
  return setmetatable(t or {}, OBJECT)
end

--- A shallow copy of a table that is a JSON object even if it is empty.
function json.copy(t)
  local result = json.object()
  for key, value in pairs(t) do result[key] = value end
  return result
end

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape(c)
  return ESCAPES[c] or "\\u" .. string.format("%04x", c:byte())
end

--- A JSON string literal.
function json.string(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return c == "\127" and c or escape(c) end) .. '"'
end

--- The shortest decimal that parses to the same double, in the format of ECMAScript's `Number::toString`.
local function float(n)
  if n == 0 then return "0" end
  local text
  -- 15 digits are always exact, except for denormal numbers, which have fewer bits.
  for precision = math.abs(n) < 2.3e-308 and 1 or 15, 17 do
    text = string.format("%." .. (precision - 1) .. "e", n)
    if tonumber(text) == n then break end
  end
  local sign, first, rest, exponent = text:match("^(%-?)(%d)%.?(%d*)e([+-]%d+)$")
  local digits = (first .. rest):gsub("0+$", "")
  if digits == "" then return "0" end
  local k, point = #digits, tonumber(exponent) + 1
  if k <= point and point <= 21 then
    return sign .. digits .. ("0"):rep(point - k)
  elseif 0 < point and point <= 21 then
    return sign .. digits:sub(1, point) .. "." .. digits:sub(point + 1)
  elseif -6 < point and point <= 0 then
    return sign .. "0." .. ("0"):rep(-point) .. digits
  end
  local e = point - 1
  local mantissa = k == 1 and digits or digits:sub(1, 1) .. "." .. digits:sub(2)
  return sign .. mantissa .. "e" .. (e < 0 and "-" or "+") .. math.abs(e)
end

local function number(n, path)
  if math.type(n) == "integer" then return string.format("%d", n) end
  if n ~= n or n == math.huge or n == -math.huge then error(path .. ": JSON has no such number", 0) end
  return float(n)
end

--- Whether a table is only a sequence 1..n; and n.
function json.isArray(t)
  local n = 0
  for k in pairs(t) do
    if math.type(k) ~= "integer" or k < 1 then return false, 0 end
    n = n + 1
  end
  for i = 1, n do
    if t[i] == nil then return false, 0 end
  end
  return true, n
end

local encode

local function members(t, out, path, depth)
  local keys, text = {}, {}
  for k in pairs(t) do
    local kind = type(k)
    if kind ~= "string" and kind ~= "number" then error(path .. ": invalid type of a JSON key: " .. kind, 0) end
    local name = kind == "number" and tostring(k) or k
    if text[name] ~= nil then error(path .. ": duplicate key " .. name, 0) end
    keys[#keys + 1] = name
    text[name] = t[k]
  end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, name in ipairs(keys) do
    if i > 1 then out[#out + 1] = "," end
    out[#out + 1] = json.string(name)
    out[#out + 1] = ":"
    encode(text[name], out, path .. "." .. name, depth + 1)
  end
  out[#out + 1] = "}"
end

encode = function(value, out, path, depth)
  if depth > MAX_DEPTH then error(path:sub(1, 80) .. "…: nested deeper than " .. MAX_DEPTH, 0) end
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = json.string(value)
  elseif kind == "number" then
    out[#out + 1] = number(value, path)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif kind == "nil" or kind == "table" and json.isNull(value) then
    out[#out + 1] = "null"
  elseif kind == "table" then
    local array, n = json.isArray(value)
    if array and not (n == 0 and json.isObject(value)) then
      out[#out + 1] = "["
      for i = 1, n do
        if i > 1 then out[#out + 1] = "," end
        encode(value[i], out, path .. "[" .. i .. "]", depth + 1)
      end
      out[#out + 1] = "]"
    else
      members(value, out, path, depth)
    end
  else
    error(path .. ": invalid type of a JSON value: " .. kind, 0)
  end
end

--- Writes canonical JSON.
-- @param value anything except functions, userdata, NaN and infinity; at most 64 levels deep
-- @treturn string
-- @raise a string with the path of the value that cannot be encoded
function json.encode(value)
  local out = {}
  encode(value, out, "$", 1)
  return table.concat(out)
end

local function fail(at, what)
  error(string.format("byte %d: %s", at, what), 0)
end

local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function unicode(s, at)
  local hex = s:match("^%x%x%x%x", at)
  if not hex then fail(at, "an incomplete \\u escape") end
  local code = tonumber(hex, 16)
  if code >= 0xD800 and code <= 0xDBFF then
    local low = s:match("^\\u([dD][c-fC-F]%x%x)", at + 4)
    if not low then fail(at, "half of a surrogate pair") end
    return utf8.char(0x10000 + (code - 0xD800) * 0x400 + (tonumber(low, 16) - 0xDC00)), at + 10
  elseif code >= 0xDC00 and code <= 0xDFFF then
    fail(at, "half of a surrogate pair")
  end
  return utf8.char(code), at + 4
end

local function readString(s, at)
  local parts, from = {}, at + 1
  while true do
    local stop = s:find('["\\%c]', from)
    if not stop then fail(at, "an unterminated string") end
    local c = s:sub(stop, stop)
    if c == "\127" then
      parts[#parts + 1] = s:sub(from, stop)
      from = stop + 1
    else
      if stop > from then parts[#parts + 1] = s:sub(from, stop - 1) end
      if c == '"' then
        local text = table.concat(parts)
        if not utf8.len(text) or text:find("\xED[\xA0-\xBF]") then fail(at, "a string that is not UTF-8") end
        return text, stop + 1
      elseif c == "\\" then
        local e = s:sub(stop + 1, stop + 1)
        if e == "u" then
          parts[#parts + 1], from = unicode(s, stop + 2)
        elseif UNESCAPES[e] then
          parts[#parts + 1], from = UNESCAPES[e], stop + 2
        else
          fail(stop, "an unknown escape")
        end
      else
        fail(stop, "a control character in a string")
      end
    end
  end
end

local function readNumber(s, at)
  local stop = s:find("[^%d%.eE+%-]", at) or #s + 1
  local text = s:sub(at, stop - 1)
  local whole, rest = text:match("^%-?(%d+)(.*)$")
  local ok = whole and (whole == "0" or whole:sub(1, 1) ~= "0")
    and (rest == "" or rest:match("^%.%d+$") or rest:match("^%.%d+[eE][+-]?%d+$") or rest:match("^[eE][+-]?%d+$"))
  local value = ok and tonumber(text)
  if not value then fail(at, "not a number") end
  if value == math.huge or value == -math.huge then fail(at, "a number that exceeds a double") end
  return value, stop
end

local read

local function readArray(s, at, depth)
  local result, n = {}, 0
  at = s:find("%S", at + 1)
  if at and s:sub(at, at) == "]" then return result, at + 1 end
  while at do
    n = n + 1
    result[n], at = read(s, at, depth + 1)
    at = s:find("%S", at)
    local c = at and s:sub(at, at)
    if c == "]" then return result, at + 1 end
    if c ~= "," then break end
    at = s:find("%S", at + 1)
  end
  fail(at or #s, "an unterminated array")
end

local function readObject(s, at, depth)
  local result = {}
  at = s:find("%S", at + 1)
  if at and s:sub(at, at) == "}" then return json.object(result), at + 1 end
  while at do
    if s:sub(at, at) ~= '"' then fail(at, "a key that is not a string") end
    local key
    key, at = readString(s, at)
    at = s:find("%S", at)
    if not at or s:sub(at, at) ~= ":" then fail(at or #s, "a key without a value") end
    at = s:find("%S", at + 1)
    if not at then break end
    result[key], at = read(s, at, depth + 1)
    at = s:find("%S", at)
    local c = at and s:sub(at, at)
    if c == "}" then
      return next(result) == nil and json.object(result) or result, at + 1
    end
    if c ~= "," then break end
    at = s:find("%S", at + 1)
  end
  fail(at or #s, "an unterminated object")
end

local LITERALS = { t = { "true", true }, f = { "false", false }, n = { "null", nil } }

read = function(s, at, depth)
  if depth > MAX_DEPTH then fail(at, "nested deeper than " .. MAX_DEPTH) end
  local c = s:sub(at, at)
  if c == '"' then return readString(s, at) end
  if c == "{" then return readObject(s, at, depth) end
  if c == "[" then return readArray(s, at, depth) end
  local literal = LITERALS[c]
  if literal then
    local word = literal[1]
    if s:sub(at, at + #word - 1) ~= word then fail(at, "an unknown word") end
    return literal[2], at + #word
  end
  return readNumber(s, at)
end

--- Parses JSON. `null` is absent: a member with it is omitted, and in an array it leaves a hole.
-- @tparam string text
-- @return the value, or nil and the problem. Never raises an error.
function json.decode(text)
  if type(text) ~= "string" then return nil, "not a string" end
  local ok, value, at = pcall(function()
    local start = text:find("%S")
    if not start then fail(1, "nothing") end
    local found, stop = read(text, start, 1)
    local rest = text:find("%S", stop)
    if rest then fail(rest, "something after the value") end
    return found, stop
  end)
  if not ok then return nil, tostring(value) end
  return value, nil, at
end

return json
