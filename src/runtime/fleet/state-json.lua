--- Converts the tables of `fleet.state` to plain JSON and back. JSON has no keys other than strings, no integers beyond 2^53 and no infinity:
-- these are encoded. States with what this would lose are carried by `fleet.lossless-json` instead: see `fleet.exact-states`.
local fail = require("fleet.fail")
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")

local stateJson = {}

local SPELLED = { __pairs = true, __int = true, __float = true }
local SAFE = 9007199254740991

-- Below a state, a metatable is behaviour, which is not moved.
local function assertPlain(value, path)
  if getmetatable(value) ~= nil and not json.isObject(value) then
    error(fail.new("EXPORT_UNSUPPORTED", path .. " has a metatable and cannot be moved", "Keep plain data in states."))
  end
end

local pack
--- @param value plain data of which plain JSON loses nothing: see `exact-states.isNeeded`
-- @tparam string path its name in errors
-- @tparam ?boolean isState whether it is a state itself, which may have a metatable
-- @return plain JSON data
-- @raise a failure EXPORT_UNSUPPORTED that names the path
pack = function(value, path, isState)
  local kind = type(value)
  if kind == "number" then
    if math.type(value) == "integer" and (value > SAFE or value < -SAFE) then
      return { __int = string.format("%d", value) }
    elseif value ~= value or value == math.huge or value == -math.huge then
      return { __float = tostring(value) }
    end
    return value
  elseif kind == "string" or kind == "boolean" then
    return value
  elseif kind ~= "table" then
    error(fail.new("EXPORT_UNSUPPORTED", path .. " is a " .. kind .. " and cannot be moved", "Keep plain data in states."))
  end
  if not isState then assertPlain(value, path) end
  local plain = json.isArray(value)
  if not plain then
    plain = true
    for k in pairs(value) do
      if type(k) ~= "string" or SPELLED[k] then plain = false end
    end
  end
  if plain then
    local copy = {}
    if next(value) == nil and json.isObject(value) then copy = json.object(copy) end
    for k, v in pairs(value) do copy[k] = pack(v, path .. "." .. tostring(k)) end
    return copy
  end
  local list = {}
  for k, v in pairs(value) do
    list[#list + 1] = { stateJson.key(k, path), pack(v, path .. "." .. tostring(k)) }
  end
  table.sort(list, function(a, b) return json.encode(a[1]) < json.encode(b[1]) end)
  return { __pairs = list }
end

--- A key of a table, as in `__pairs`, or the name of a state.
-- @raise a failure EXPORT_UNSUPPORTED, also for a name in bytes: the names of states are not encoded
function stateJson.key(k, path)
  if type(k) == "string" and not lossless.isUtf8(k) then
    local shown = k:sub(1, 60):gsub("[^\x20-\x7e]", function(c) return string.format("\\x%02x", c:byte()) end)
    error(fail.new("EXPORT_UNSUPPORTED", path .. ' has the key "' .. shown .. '", which is not UTF-8 and cannot be exported', "Store bytes as hex or base64."))
  end
  if type(k) == "table" or type(k) == "function" then
    error(fail.new("EXPORT_UNSUPPORTED", path .. " has a key that is a " .. type(k), "Use strings and numbers as keys."))
  end
  return pack(k, path)
end

local unpack
--- The value of the result of `pack`.
unpack = function(value)
  if type(value) ~= "table" then return value end
  if type(value.__int) == "string" then return math.tointeger(tonumber(value.__int)) or 0 end
  if type(value.__float) == "string" then
    local known = ({ inf = math.huge, ["-inf"] = -math.huge })[value.__float]
    if known then return known end
    -- Its sign is in the text that was exported, and depends on the processor that divides.
    local nan = 0 / 0
    return tostring(nan) == value.__float and nan or -nan
  end
  local result = json.isObject(value) and json.object() or {}
  if type(value.__pairs) == "table" then
    for _, pair in ipairs(value.__pairs) do
      if type(pair) == "table" and pair[1] ~= nil then result[unpack(pair[1])] = unpack(pair[2]) end
    end
    return result
  end
  for k, v in pairs(value) do result[k] = unpack(v) end
  return result
end

stateJson.assertPlain, stateJson.pack, stateJson.unpack = assertPlain, pack, unpack

return stateJson
