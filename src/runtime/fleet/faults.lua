--- Classifies replies in a program's own shape, by rules over tags and JSON data that are declared per service (`faultWhen`), else by
-- aos' own conventions. `delivery/faults.ts` does the same. This module has no state.
local faults = {}

--- aos' conventions: a tag `Error`, an action `Error` or `…-Error`, `success: false`; and the library's own action for a refusal.
faults.DEFAULT = {
  { tag = "Error" },
  { tag = "Action", equals = "Error" },
  { tag = "Action", equals = "Error-Response" },
  { tag = "Action", matches = "*-Error" },
  { field = "success", equals = false },
}

local function at(data, path)
  for name in path:gmatch("[^.]+") do
    if type(data) ~= "table" then return nil end
    data = rawget(data, name)
  end
  return data
end

local function pattern(text)
  return "^" .. text:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
end

local function holds(rule, tags, data)
  local value
  if rule.tag ~= nil then value = tags[rule.tag] else value = at(data, rule.field or "") end
  if rule.equals ~= nil then return value == rule.equals end
  if rule.matches ~= nil then return type(value) == "string" and value:match(pattern(rule.matches)) ~= nil end
  return value ~= nil and value ~= false and value ~= ""
end

--- `fault`, `refusal` or nil, by the first rule that holds.
-- @tparam table tags name → value
-- @param data its parsed JSON data; nil if it has none
-- @tparam ?table rules a list of { tag | field, equals? | matches?, as? }
function faults.judge(tags, data, rules)
  for _, rule in ipairs(rules or faults.DEFAULT) do
    if holds(rule, tags, data) then return rule.as or "fault" end
  end
  return nil
end

--- The schema of the rules in a message, for `validate`.
faults.SCHEMA = {
  type = "list", maxLength = 20,
  items = {
    type = "object",
    fields = {
      tag = { type = "string", minLength = 1, maxLength = 64 }, field = { type = "string", minLength = 1, maxLength = 128 },
      equals = { type = "any" }, matches = { type = "string", minLength = 1, maxLength = 128 },
      as = { type = "string", enum = { "fault", "refusal" } },
    },
  },
}

return faults
