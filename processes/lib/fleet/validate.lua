--- A small declarative check of a request's data.
-- `{ field = { type = "string|integer|number|boolean|table|array|any", required, min, max, minLength, maxLength, enum, pattern,
--   fields = { … } (of a table), items = { … } (of an array), strict } }`
-- Numbers are finite and integers are within ±(2^53 − 1) whatever the schema says.
local describe = require("fleet.config-types").describe
local json = require("fleet.json")

local validate = {}

local SAFE = 9007199254740991
local MAX_PROBLEMS = 20

local function isFinite(v)
  return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge
end

local KINDS = {
  string = { "a text", function(v) return type(v) == "string" end },
  integer = { "a whole number", function(v) return isFinite(v) and math.tointeger(v) ~= nil and v >= -SAFE and v <= SAFE end },
  number = { "a number", isFinite },
  boolean = { "true or false", function(v) return type(v) == "boolean" end },
  table = { "an object", function(v) return type(v) == "table" end },
  array = { "a list", function(v) return type(v) == "table" and (json.isArray(v)) end },
  any = { "a value", function() return true end },
}

local checkFields

local function add(problems, path, got, expected)
  if #problems < MAX_PROBLEMS then problems[#problems + 1] = { path = path, got = got, expected = expected } end
end

local function range(low, high, unit)
  if low and high then return string.format("%s to %s%s", low, high, unit) end
  return low and string.format("at least %s%s", low, unit) or string.format("at most %s%s", high, unit)
end

local function checkValue(value, rule, path, problems)
  local kind = KINDS[rule.type or "any"]
  if not kind then error("the schema of " .. path .. " names the unknown type " .. tostring(rule.type), 0) end
  if not kind[2](value) then return add(problems, path, describe(value), kind[1]) end
  if type(value) == "number" and ((rule.min and value < rule.min) or (rule.max and value > rule.max)) then
    add(problems, path, tostring(value), range(rule.min, rule.max, ""))
  end
  local length = (type(value) == "string" or rule.type == "array") and #value or nil
  if length and ((rule.maxLength and length > rule.maxLength) or (rule.minLength and length < rule.minLength)) then
    local unit = type(value) == "string" and " characters" or " items"
    add(problems, path, length .. unit, range(rule.minLength, rule.maxLength, unit))
  end
  if rule.pattern and type(value) == "string" and #value <= 4096 and not value:find(rule.pattern) then
    add(problems, path, describe(value), "a text like " .. rule.pattern)
  end
  if rule.enum then
    local known = false
    for _, each in ipairs(rule.enum) do known = known or each == value end
    if not known then add(problems, path, describe(value), "one of " .. table.concat(rule.enum, " ")) end
  end
  if rule.items and type(value) == "table" then
    for i, item in ipairs(value) do checkValue(item, rule.items, path .. "[" .. i .. "]", problems) end
  end
  if rule.fields and type(value) == "table" then checkFields(value, rule.fields, rule.strict, path .. ".", problems) end
end

local function sorted(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  return keys
end

checkFields = function(data, schema, strict, prefix, problems)
  for _, name in ipairs(sorted(schema)) do
    local rule, value = schema[name], data[name]
    if value == nil then
      if rule.required then add(problems, prefix .. name, "nothing", (KINDS[rule.type or "any"] or KINDS.any)[1]) end
    else
      checkValue(value, rule, prefix .. name, problems)
    end
  end
  if strict then
    for _, name in ipairs(sorted(data)) do
      if schema[name] == nil then
        add(problems, prefix .. name:sub(1, 60), "an unknown key", "one of " .. table.concat(sorted(schema), " "))
      end
    end
  end
end

--- Every problem of the data.
-- @tparam table data
-- @tparam table schema as above; `strict = true` beside it refuses unknown fields
-- @treturn table a list of { path, got, expected }, at most 20
function validate.check(data, schema, strict)
  local problems = {}
  checkFields(data, schema, strict, "", problems)
  return problems
end

local LIMITS = { min = true, max = true, minLength = true, maxLength = true }
local FLAGS = { required = true, strict = true }

--- Looks at a schema that came from outside, so that none is taken which `check` could stumble over.
-- @raise a text that names what is wrong with it
function validate.checkSchema(schema, path, depth)
  path, depth = path or "", depth or 1
  if type(schema) ~= "table" or depth > 8 then error((path == "" and "the schema" or path) .. " is no table of rules", 0) end
  for name, rule in pairs(schema) do
    local at = path .. tostring(name)
    if type(name) ~= "string" or type(rule) ~= "table" then error(at .. " is no rule", 0) end
    for key, value in pairs(rule) do
      local where = at .. "." .. tostring(key)
      if key == "type" then
        if not KINDS[value] then error(where .. " is unknown", 0) end
      elseif LIMITS[key] then
        if not isFinite(value) then error(where .. " is no number", 0) end
      elseif FLAGS[key] then
        if type(value) ~= "boolean" then error(where .. " is neither true nor false", 0) end
      elseif key == "pattern" then
        if type(value) ~= "string" or not pcall(string.find, "", value) then error(where .. " is no pattern", 0) end
      elseif key == "enum" then
        if type(value) ~= "table" or not json.isArray(value) or #value == 0 then error(where .. " is no list", 0) end
        for _, each in ipairs(value) do
          if type(each) ~= "string" and not isFinite(each) then error(where .. " holds neither texts nor numbers", 0) end
        end
      elseif key == "fields" then
        validate.checkSchema(value, at .. ".", depth + 1)
      elseif key == "items" then
        validate.checkSchema({ ["[]"] = value }, at, depth + 1)
      else
        error(where .. " is unknown", 0)
      end
    end
  end
end

return validate
