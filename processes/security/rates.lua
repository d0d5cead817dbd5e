--- Rate limits: a token bucket per player and action, refilled by scheduler time.
local fleet = require("fleet")
local rules = require("rules")
local trail = require("trail")

local rates = {}

local MAX_BUCKETS = 5000

--- The capacity of a bucket and the tokens it gains per second, unless set with RATE_LIMITS.
local DEFAULT = { capacity = 20, perSecond = 1 }

local state = fleet.state("rates", { limits = {}, buckets = {}, count = 0 })

local function limitOf(action)
  return state.limits[action] or state.limits["*"] or DEFAULT
end

local function level(bucket, limit, now)
  local gained = math.max(0, now - bucket.at) / 1000 * limit.perSecond
  return math.min(limit.capacity, bucket.tokens + gained)
end

-- Removes full buckets, which are equal to new ones. If that is not enough, also the fullest ones, of these those unused for longest: an empty
-- bucket is what holds its player back.
local function makeRoom(now)
  local rest = {}
  for key, bucket in pairs(state.buckets) do
    if level(bucket, limitOf(bucket.action), now) >= limitOf(bucket.action).capacity then
      state.buckets[key] = nil
      state.count = state.count - 1
    else
      rest[#rest + 1] = { key, bucket.at, level(bucket, limitOf(bucket.action), now) / limitOf(bucket.action).capacity }
    end
  end
  if state.count < MAX_BUCKETS then return end
  table.sort(rest, function(a, b)
    if a[3] ~= b[3] then return a[3] > b[3] end
    return a[2] < b[2] or a[2] == b[2] and a[1] < b[1]
  end)
  for i = 1, math.max(1, MAX_BUCKETS // 10) do
    state.buckets[rest[i][1]] = nil
    state.count = state.count - 1
  end
end

-- The action whose bucket a stranger's request takes from. Strangers choose the names: those without a limit of their own share one bucket
-- for each player, or one player could fill the table.
local function actionOf(action, isTrusted)
  if isTrusted or state.limits[action] or rules.BUILTIN[action] then return action end
  return "*"
end

--- Takes tokens for an action of a player.
-- @tparam boolean isTrusted whether a process of the fleet asks, not the player
-- @treturn table { allowed, remaining, retryAfterMs? }
function rates.take(player, action, cost, now, isTrusted)
  local name = actionOf(action, isTrusted)
  local limit, key = limitOf(name), player .. "\n" .. name
  local bucket = state.buckets[key]
  if not bucket then
    if state.count >= MAX_BUCKETS then makeRoom(now) end
    bucket = { tokens = limit.capacity, at = now, action = name }
    state.buckets[key] = bucket
    state.count = state.count + 1
  end
  local tokens = level(bucket, limit, now)
  local allowed = tokens >= cost
  bucket.tokens, bucket.at = allowed and tokens - cost or tokens, math.max(now, bucket.at)
  if not allowed then
    trail.add("RATE_EXCEEDED", player, name, nil, now)
    local missing = cost - tokens
    return { allowed = false, remaining = math.floor(tokens), retryAfterMs = math.ceil(missing / limit.perSecond * 1000) }
  end
  return { allowed = true, remaining = math.floor(bucket.tokens) }
end

local ACTION = { type = "string", required = true, minLength = 1, maxLength = 64 }

fleet.on("RATE_CHECK", {
  schema = {
    playerId = { type = "string", minLength = 1, maxLength = 128 }, action = ACTION,
    cost = { type = "integer", min = 1, max = 1000 },
  },
}, function(data, msg)
  -- Only processes of the fleet may take another player's tokens.
  local isTrusted = fleet.is(msg, "peer")
  local player = isTrusted and data.playerId or fleet.player(msg)
  local cost = data.cost or 1
  local limit = limitOf(data.action)
  if cost > limit.capacity then
    error(fleet.fail("INVALID_DATA", "cost " .. cost .. " exceeds the capacity of the bucket of " .. data.action, "Send at most " .. limit.capacity .. "."))
  end
  local result = rates.take(player, data.action, cost, fleet.now(msg), isTrusted)
  result.playerId, result.action = player, data.action
  result.limit = { capacity = limit.capacity, perSecond = limit.perSecond }
  return result
end)

fleet.on("RATE_LIMITS", {
  who = "deployer",
  schema = {
    action = ACTION, capacity = { type = "integer", min = 1, max = 100000, required = true },
    perSecond = { type = "number", min = 0.0001, max = 100000, required = true },
  },
}, function(data, msg)
  local count = 0
  for _ in pairs(state.limits) do count = count + 1 end
  if count >= 200 and not state.limits[data.action] then
    error(fleet.fail("TOO_MANY", "200 actions already have a limit", 'Use "*" for all others.'))
  end
  state.limits[data.action] = { capacity = data.capacity, perSecond = data.perSecond }
  trail.decide("LIMIT_SET", "", data.action, data.capacity .. " at once, " .. data.perSecond .. " a second", msg)
  return { limits = state.limits }
end)

return rates
