--- The config types and the rules of their settings. The built-in rules are generated from the schemas in
-- src/fleet/config/types.ts; a custom type is sent with its rules in the message that contains the config.
local rules = require("fleet.config-rules")
local store = require("fleet.store")
local validate = require("fleet.validate")

local types = {}

local MAX_PROBLEMS = 100
local MAX_RULE_BYTES = 32 * 1024

local function sortedKeys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  return keys
end

--- The names of the built-in types, sorted.
function types.names()
  return sortedKeys(rules)
end

--- Whether a type is built in.
function types.isBuiltin(configType)
  return rules[configType] ~= nil
end

--- The rule of a type: the built-in one, the given one, or the one of the current config.
function types.rule(configType, given)
  local held = store.configs[configType]
  return rules[configType] or given or held and held.rule or nil
end

--- The default value of a setting, or nil.
function types.default(configType, key)
  local rule = rules[configType]
  local field = rule and rule.fields and rule.fields[key]
  return field and field.default
end

--- Describes the problem of a custom rule, or nil.
function types.badRule(configType, given)
  if given == nil then return nil end
  if rules[configType] then return "the built-in rules of " .. configType .. " cannot be replaced" end
  local ok, problem = pcall(function()
    if #require("fleet.json").encode(given) > MAX_RULE_BYTES then error("rule has more than " .. MAX_RULE_BYTES .. " bytes", 0) end
    if type(given) ~= "table" or given.type ~= "object" then error("rule.type is not object", 0) end
    validate.checkRule(given, "rule")
  end)
  return not ok and tostring(problem) or nil
end

--- Every problem of a config at its path.
-- @tparam string configType
-- @param configData
-- @tparam ?table given the rule of a custom type
-- @treturn table a list of { path, got, expected }; empty if the config is valid
function types.check(configType, configData, given)
  local rule = types.rule(configType, given)
  if not rule then
    local known = "one of " .. table.concat(types.names(), " ") .. ", or a custom type with its rule"
    return { { path = "configType", got = validate.describe(configType), expected = known } }
  end
  return validate.value(configData, rule, "configData", MAX_PROBLEMS)
end

--- The settings that are stored and reported but that AO cannot enforce, sorted.
function types.notEnforceable(configType, configData)
  local rule, names = types.rule(configType), {}
  for _, key in ipairs(sortedKeys(configData)) do
    local field = rule and rule.fields and rule.fields[key]
    if field and field.idle then names[#names + 1] = key end
  end
  return names
end

return types
