--- The verdict on an action: allowed, marked for review, or denied, with all reasons.
local cut = require("fleet.cut")
local fleet = require("fleet")
local bans = require("bans")
local incidents = require("incidents")
local rates = require("rates")
local rules = require("rules")
local trail = require("trail")

--- From this many violations on, allowed actions are marked for review.
local REVIEW_AFTER = 5
local MAX_SCHEMA = 16384

local state = fleet.state("rules", { own = {}, count = 0, denied = 0, reviewed = 0, allowed = 0 })

local function violationsOf(action, data)
  local problems = {}
  local function judge(schema, strict)
    local ok, found = pcall(fleet.validate, data, schema, strict)
    for _, problem in ipairs(ok and found or {}) do problems[#problems + 1] = problem end
  end
  local builtin, own = rules.BUILTIN[action], state.own[action]
  if builtin then
    judge(builtin.schema)
    if builtin.check then builtin.check(data, problems) end
  end
  if own then judge(own.schema, own.strict) end
  for _, problem in ipairs(problems) do problem.rule = "SCHEMA" end
  return problems, builtin ~= nil or own ~= nil
end

fleet.on("VALIDATE_ACTION", {
  schema = {
    action = { type = "string", required = true, minLength = 1, maxLength = 64 },
    playerId = { type = "string", minLength = 1, maxLength = 128 },
    data = { type = "table" },
    rate = { type = "boolean" },
  },
}, function(data, msg)
  local now = fleet.now(msg)
  -- Only peers may ask about another player; for anyone else the sender counts.
  local trusted = fleet.is(msg, "peer")
  local player = trusted and data.playerId or fleet.player(msg)
  local violations, known = violationsOf(data.action, data.data or {})
  local ban = bans.find(player, now)
  if ban then
    table.insert(violations, 1, { rule = "BANNED", path = "playerId", got = "banned: " .. ban.reason, expected = "a player who is not banned" })
  end
  local rate
  if data.rate then
    rate = rates.take(player, data.action, 1, now, trusted)
    if not rate.allowed then
      table.insert(violations, { rule = "RATE", path = "action", got = "too often", expected = "a retry after " .. rate.retryAfterMs .. " ms" })
    end
  end
  local allowed = #violations == 0
  local verdict = allowed and (incidents.of(player) >= REVIEW_AFTER and "REVIEW" or "ALLOW") or "DENY"
  if allowed then
    state.allowed = state.allowed + 1
    if verdict == "REVIEW" then state.reviewed = state.reviewed + 1 end
  else
    state.denied = state.denied + 1
    local first = violations[1]
    trail.add("DENIED", player, data.action, first.rule .. " " .. first.path .. ": " .. first.got, now)
    -- A ban or a rate limit is not counted as another violation.
    if not ban and first.rule ~= "RATE" then incidents.count(player, now) end
  end
  return {
    allowed = allowed, verdict = verdict, playerId = player, action = data.action, violations = violations, rule = known and "KNOWN" or "NONE",
    previousViolations = incidents.of(player), remaining = rate and rate.remaining or nil,
  }
end)

fleet.on("SET_RULE", {
  who = "deployer",
  schema = {
    action = { type = "string", required = true, minLength = 1, maxLength = 64 },
    schema = { type = "table", required = true },
    strict = { type = "boolean" },
  },
}, function(data, msg)
  if #fleet.json.encode(data.schema) > MAX_SCHEMA then
    error(fleet.fail("TOO_LARGE", "the schema has more than " .. MAX_SCHEMA .. " bytes", "Use a smaller schema."))
  end
  -- Checked here, so that an unknown type or an invalid pattern is refused now and not when the rule is applied.
  local ok, problem = pcall(fleet.checkSchema, data.schema)
  if not ok then error(fleet.fail("INVALID_DATA", "invalid schema: " .. cut(tostring(problem), 200), "The schema format is documented at fleet.on.")) end
  if not state.own[data.action] then
    if state.count >= 200 then error(fleet.fail("TOO_MANY", "200 rules are already set", "Replace one of them.")) end
    state.count = state.count + 1
  end
  state.own[data.action] = { schema = data.schema, strict = data.strict }
  trail.decide("RULE_SET", "", data.action, nil, msg)
  return { action = data.action, count = state.count }
end)

fleet.on("SECURITY_STATISTICS", { data = false, readonly = true }, function()
  return { statistics = { allowed = state.allowed, denied = state.denied, reviewed = state.reviewed, bans = bans.count(), rules = state.count } }
end)
