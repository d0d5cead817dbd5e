--- Admission of a program's own actions by settings, in addition to roles: `SECURITY_CONFIG`, `RATE_LIMITS`, `RESOURCE_LIMITS`.
-- Built-in actions are always admitted, so that a setting can be fixed.
local auth = require("fleet.auth")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local store = require("fleet.store")

local admission = {}

--- Maximum number of rate limit buckets (one per sender and action).
local MAX_BUCKETS = 5000

-- HIGH: changes only from the fleet's processes (also on behalf of players) or deployers. MAXIMUM: only from deployers.
local function checkLevel(entry, msg)
  local level = config.get("SECURITY_CONFIG", "authLevel")
  if level == "STANDARD" or entry.readonly or envelope.of(msg).cron or auth.allows("deployer", msg) then return end
  if level == "HIGH" and auth.isKnown(msg) then return end
  error(fail.new("FORBIDDEN", entry.action .. " is not allowed for this sender: authLevel is " .. tostring(level),
    level == "HIGH" and "Send it through the fleet's coordinator." or "Only deployers may make changes at this level."))
end

local function checkMemory(entry)
  local most = not entry.readonly and config.get("RESOURCE_LIMITS", "maxMemoryMB")
  if not most or collectgarbage("count") / 1024 <= most then return end
  collectgarbage("collect")
  local used = collectgarbage("count") / 1024
  if used <= most then return end
  error(fail.new("MEMORY_LIMIT", string.format("%.1f MB of Lua heap are in use, the limit is %s", used, most),
    "Ask the owner of the process to free memory or to raise RESOURCE_LIMITS.maxMemoryMB."))
end

local function level(bucket, limit, now)
  return math.min(limit.capacity, bucket.tokens + math.max(0, now - bucket.at) / 1000 * limit.perSecond)
end

local function limitOf(action)
  return config.get("RATE_LIMITS", action) or config.get("RATE_LIMITS", "*")
end

-- Drops the fullest buckets, then those that were used least recently: a full one is equal to a new one, and an empty one is what holds its
-- sender back, however many senders there are.
local function makeRoom(now)
  local all = {}
  for key, bucket in pairs(store.rates.buckets) do
    local limit = limitOf(key:match("\n(.*)$"))
    all[#all + 1] = { key, bucket.at, limit and level(bucket, limit, now) / limit.capacity or 1 }
  end
  table.sort(all, function(a, b)
    if a[3] ~= b[3] then return a[3] > b[3] end
    return a[2] < b[2] or a[2] == b[2] and a[1] < b[1]
  end)
  for i = 1, MAX_BUCKETS // 10 do
    if all[i] then
      store.rates.buckets[all[i][1]] = nil
      store.rates.count = store.rates.count - 1
    end
  end
end

local function checkRate(action, limit, msg)
  -- Processes of the fleet are not limited for their own messages; forwarded messages count for the original sender.
  if not limit or auth.allows("peer", msg) then return end
  local player, now = auth.player(msg), envelope.now()
  local rates, key = store.rates, player .. "\n" .. action
  local bucket = rates.buckets[key]
  if not bucket then
    if rates.count >= MAX_BUCKETS then makeRoom(now) end
    bucket = { tokens = limit.capacity, at = now }
    rates.buckets[key] = bucket
    rates.count = rates.count + 1
  end
  local tokens = level(bucket, limit, now)
  bucket.tokens, bucket.at = tokens, math.max(now, bucket.at)
  if tokens < 1 then
    local wait = math.ceil((1 - tokens) / limit.perSecond * 1000)
    error(fail.new("RATE_LIMITED", action .. " exceeds its rate limit", "Send it again in " .. wait .. " ms.", { retryAfterMs = wait }))
  end
  bucket.tokens = tokens - 1
end

--- Admits a message, or raises `FORBIDDEN`, `RATE_LIMITED` or `MEMORY_LIMIT`.
function admission.admit(entry, msg)
  checkLevel(entry, msg)
  checkRate(entry.action, config.get("RATE_LIMITS", entry.action) or config.get("RATE_LIMITS", "*"), msg)
  checkMemory(entry)
end

--- Admits a message that is sent on with another action: a limit of that action also applies, if this process has one. Raises `RATE_LIMITED`.
function admission.forward(action, msg)
  checkRate(action, config.get("RATE_LIMITS", action), msg)
end

return admission
