--- Declarative validation of data: of a request or of a config. src/fleet/config/check.ts is the same validation in TypeScript,
-- with the same texts.
-- `{ field = { type = "string|integer|number|boolean|table|array|object|list|any", required, min, max, above, below, minLength,
--   maxLength, enum, pattern, like (the pattern as text), items = { … } (of a list), fields = { … } (of a table), strict,
--   values = { … } (of keys that are not in `fields`), keys = { … } (the rule for such a key), minKeys, maxKeys, example } }`
-- `table` and `array` accept Lua tables; `object` and `list` have their JSON meaning, and an object only has keys of
-- `fields` and `values`. Numbers are finite and integers are within ±(2^53 − 1), whatever the schema. Lengths of strings are in
-- code points.
local json = require("fleet.json")

local validate = {}

local SAFE = 9007199254740991
--- Maximum number of reported problems per request.
local MAX_PROBLEMS = 20
--- The rule for any key of an object, so that both sides sort keys alike.
local KEY = { type = "string", minLength = 1, maxLength = 128, pattern = "^[ -~]+$", like = "^[ -~]+$" }

local function isFinite(v)
  return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge
end

local function isList(v)
  return type(v) == "table" and (json.isArray(v)) and not json.isObject(v)
end

local function isObject(v)
  return type(v) == "table" and (json.isObject(v) or not json.isArray(v))
end

local KINDS = {
  string = { "a string", function(v) return type(v) == "string" end },
  integer = { "an integer", function(v) return isFinite(v) and math.tointeger(v) ~= nil and v >= -SAFE and v <= SAFE end },
  number = { "a number", isFinite },
  boolean = { "true or false", function(v) return type(v) == "boolean" end },
  table = { "an object", function(v) return type(v) == "table" end },
  array = { "a list", function(v) return type(v) == "table" and (json.isArray(v)) end },
  object = { "an object", isObject },
  list = { "a list", isList },
  any = { "a value", function() return true end },
}

-- Code points, as in JSON Schema; bytes if the string is not UTF-8.
local function length(s)
  return utf8.len(s) or #s
end

--- Describes a value for people.
function validate.describe(value)
  local kind = type(value)
  if kind == "string" then
    local n = length(value)
    return n > 60 and "a string of " .. n .. " characters" or json.string(value)
  elseif kind == "table" then
    return isList(value) and "a list" or "an object"
  elseif isFinite(value) then
    return json.encode(value)
  end
  return tostring(value)
end

local function num(n)
  return isFinite(n) and json.encode(n) or tostring(n)
end

local function range(rule)
  local low = rule.above ~= nil and "above " .. num(rule.above) or nil
  local high = rule.below ~= nil and "below " .. num(rule.below) or nil
  if rule.min ~= nil and rule.max ~= nil and not low and not high then return " from " .. num(rule.min) .. " to " .. num(rule.max) end
  low = low or rule.min ~= nil and "at least " .. num(rule.min) or nil
  high = high or rule.max ~= nil and "at most " .. num(rule.max) or nil
  if low and high then return " " .. low .. " and " .. high end
  if low or high then return " " .. (low or high) end
  return ""
end

local function amount(least, most, unit)
  if least ~= nil and most ~= nil then return " of " .. num(least) .. " to " .. num(most) .. " " .. unit end
  if least ~= nil then return " of at least " .. num(least) .. " " .. unit end
  return most ~= nil and " of at most " .. num(most) .. " " .. unit or ""
end

local function each(list, sep)
  local texts = {}
  for i, value in ipairs(list) do texts[i] = type(value) == "string" and value or num(value) end
  return table.concat(texts, sep)
end

--- Describes the values that a rule allows, with its example.
function validate.words(rule)
  local kind = rule.type or "any"
  local text = KINDS[kind][1]
  if rule.enum then
    text = "one of " .. each(rule.enum, " ")
  elseif kind == "string" then
    text = text .. amount(rule.minLength, rule.maxLength, "characters")
    if rule.pattern then text = text .. " like " .. (rule.like or rule.pattern) end
  elseif kind == "list" or kind == "array" then
    text = text .. amount(rule.minLength, rule.maxLength, "items")
  elseif kind == "object" then
    text = text .. amount(rule.minKeys, rule.maxKeys, "members")
  elseif kind == "integer" or kind == "number" then
    text = text .. range(rule)
  end
  if rule.example ~= nil then text = text .. ", for example " .. json.encode(rule.example) end
  return text
end

local function inRange(n, rule)
  return not (rule.min ~= nil and n < rule.min or rule.max ~= nil and n > rule.max
    or rule.above ~= nil and n <= rule.above or rule.below ~= nil and n >= rule.below)
end

local function within(n, least, most)
  return not (least ~= nil and n < least or most ~= nil and n > most)
end

local function sorted(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  return keys
end

local function counted(n, noun) return n .. " " .. noun .. (n == 1 and "" or "s") end

-- Describes how a value itself violates a rule, or nil.
local function misfit(value, rule)
  local kind = rule.type or "any"
  if not KINDS[kind][2](value) then return validate.describe(value) end
  if rule.enum then
    local known = false
    for _, one in ipairs(rule.enum) do known = known or one == value end
    if not known then return validate.describe(value) end
  end
  if type(value) == "number" then
    if not inRange(value, rule) then return validate.describe(value) end
  elseif type(value) == "string" then
    local n = length(value)
    if not within(n, rule.minLength, rule.maxLength) then return "a string of " .. counted(n, "character") end
    if rule.pattern and (#value > 4096 or not value:find(rule.pattern)) then return validate.describe(value) end
  elseif kind == "array" or kind == "list" then
    if not within(#value, rule.minLength, rule.maxLength) then return counted(#value, "item") end
  elseif kind == "object" then
    local n = #sorted(value)
    if not within(n, rule.minKeys, rule.maxKeys) then return counted(n, "member") end
  end
  return nil
end

-- A key as part of a path.
local function label(name)
  if #name <= 60 and name:find("^[ -~]+$") then return name end
  return "(a key of " .. length(name) .. " characters)"
end

local checkFields

local function add(problems, path, got, expected)
  if #problems < problems.most then problems[#problems + 1] = { path = path, got = got, expected = expected } end
end

local function checkValue(value, rule, path, problems)
  local kind = rule.type or "any"
  if not KINDS[kind] then error("the schema of " .. path .. " has the unknown type " .. tostring(rule.type), 0) end
  local got = misfit(value, rule)
  if got then return add(problems, path, got, validate.words(rule)) end
  if rule.items and type(value) == "table" then
    for i, item in ipairs(value) do checkValue(item, rule.items, path .. "[" .. i .. "]", problems) end
  end
  if type(value) ~= "table" then return end
  if kind == "object" or rule.values then
    checkFields(value, rule, kind == "object" or rule.strict, path .. ".", problems)
  elseif rule.fields then
    checkFields(value, rule, rule.strict, path .. ".", problems)
  end
end

local function checkMore(name, value, rule, prefix, problems)
  local path = prefix .. label(name)
  local odd = rule.values and misfit(name, rule.keys or KEY)
  if odd then
    add(problems, path, "the key " .. odd, validate.words(rule.keys or KEY))
  elseif rule.values then
    checkValue(value, rule.values, path, problems)
  else
    local known = sorted(rule.fields or {})
    add(problems, path, "an unknown key", #known == 0 and "none" or "one of " .. table.concat(known, " "))
  end
end

checkFields = function(data, rule, strict, prefix, problems)
  local fields, names = rule.fields or {}, {}
  for name in pairs(fields) do names[name] = true end
  if strict or rule.values then
    for name in pairs(data) do names[tostring(name)] = true end
  end
  for _, name in ipairs(sorted(names)) do
    local own, value = fields[name], data[name]
    if not own then
      checkMore(name, value, rule, prefix, problems)
    elseif value ~= nil then
      checkValue(value, own, prefix .. name, problems)
    elseif own.required then
      add(problems, prefix .. name, "nothing", validate.words(own))
    end
  end
end

local function collect(most)
  return setmetatable({}, { __index = { most = most } })
end

local function plain(problems)
  return setmetatable(problems, nil)
end

--- Every problem of the data.
-- @tparam table data
-- @tparam table schema as above
-- @tparam ?boolean strict refuses unknown fields
-- @treturn table a list of { path, got, expected }, at most 20
function validate.check(data, schema, strict)
  local problems = collect(MAX_PROBLEMS)
  checkFields(data, { fields = schema }, strict, "", problems)
  return plain(problems)
end

--- Every problem of one value.
-- @tparam table rule the rule for the value
-- @tparam string path its path in problems
-- @tparam number most maximum number of reported problems
function validate.value(value, rule, path, most)
  local problems = collect(most)
  checkValue(value, rule, path, problems)
  return plain(problems)
end

local LIMITS = {
  min = true, max = true, above = true, below = true, minLength = true, maxLength = true, minKeys = true, maxKeys = true,
}
local FLAGS = { required = true, strict = true }
local TEXTS = { like = true, idle = true }
local FREE = { example = true, default = true }

local checkRule

--- Checks an external schema, so that `check` cannot fail on it.
-- @raise a string that describes the problem
function validate.checkSchema(schema, path, depth)
  path, depth = path or "", depth or 1
  if type(schema) ~= "table" or depth > 8 then error((path == "" and "the schema" or path) .. " is not a table of rules", 0) end
  for name, rule in pairs(schema) do
    if type(name) ~= "string" then error(path .. tostring(name) .. " is not a rule", 0) end
    checkRule(rule, path .. name, depth)
  end
end

checkRule = function(rule, at, depth)
  if type(rule) ~= "table" or depth > 8 then error(at .. " is not a rule", 0) end
  for key, value in pairs(rule) do
    local where = at .. "." .. tostring(key)
    if key == "type" then
      if not KINDS[value] then error(where .. " is unknown", 0) end
    elseif LIMITS[key] then
      if not isFinite(value) then error(where .. " is not a number", 0) end
    elseif FLAGS[key] then
      if type(value) ~= "boolean" then error(where .. " is neither true nor false", 0) end
    elseif TEXTS[key] then
      if type(value) ~= "string" or #value > 1000 then error(where .. " is not a string", 0) end
    elseif key == "pattern" then
      if type(value) ~= "string" or not pcall(string.find, "", value) then error(where .. " is not a pattern", 0) end
    elseif key == "enum" then
      if type(value) ~= "table" or not json.isArray(value) or #value == 0 then error(where .. " is not a list", 0) end
      for _, one in ipairs(value) do
        if type(one) ~= "string" and type(one) ~= "boolean" and not isFinite(one) then error(where .. " contains values other than strings and numbers", 0) end
      end
    elseif key == "fields" then
      validate.checkSchema(value, at .. ".", depth + 1)
    elseif key == "items" or key == "values" or key == "keys" then
      checkRule(value, where, depth + 1)
    elseif not FREE[key] then
      error(where .. " is unknown", 0)
    end
  end
end

--- Checks one external rule.
-- @raise a string that describes the problem
function validate.checkRule(rule, at)
  checkRule(rule, at, 1)
end

return validate
