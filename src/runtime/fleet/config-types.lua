--- The config types: what each of their settings may be. The rules are made from the schemas of
-- src/fleet/config/types.ts; a type of the user's own comes with its rules in the message that brings the config.
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

--- The names of the types that every process knows, sorted.
function types.names()
  return sortedKeys(rules)
end

--- Whether every process knows the type.
function types.isBuiltin(configType)
  return rules[configType] ~= nil
end

--- The rule of a type: a built-in one, the given one, or the one that came with the config that is held.
function types.rule(configType, given)
  local held = store.configs[configType]
  return rules[configType] or given or held and held.rule or nil
end

--- The value that holds when nothing was distributed, or nil.
function types.default(configType, key)
  local rule = rules[configType]
  local field = rule and rule.fields and rule.fields[key]
  return field and field.default
end

--- What is wrong with rules that came with a config, or nil.
function types.badRule(configType, given)
  if given == nil then return nil end
  if rules[configType] then return "the rules of " .. configType .. " are fixed" end
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
-- @tparam ?table given the rule of a type of the user's own
-- @treturn table a list of { path, got, expected }; empty when the config fits
function types.check(configType, configData, given)
  local rule = types.rule(configType, given)
  if not rule then
    local known = "one of " .. table.concat(types.names(), " ") .. ", or a type of your own with its rule"
    return { { path = "configType", got = validate.describe(configType), expected = known } }
  end
  return validate.value(configData, rule, "configData", MAX_PROBLEMS)
end

--- The settings that are kept and reported but that nothing on AO can enforce, sorted.
function types.notEnforceable(configType, configData)
  local rule, names = types.rule(configType), {}
  for _, key in ipairs(sortedKeys(configData)) do
    local field = rule and rule.fields and rule.fields[key]
    if field and field.idle then names[#names + 1] = key end
  end
  return names
end

return types
