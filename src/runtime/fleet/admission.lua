--- What settings allow of a program's own actions, beyond their roles: `SECURITY_CONFIG`, `RATE_LIMITS`, `RESOURCE_LIMITS`.
-- Actions that every process answers are never kept out, or a setting could not be mended.
local auth = require("fleet.auth")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local store = require("fleet.store")

local admission = {}

--- Senders and actions whose rate is remembered.
local MOST = 5000

-- HIGH: changes come through the fleet, from its processes (for players too) or deployers. MAXIMUM: from deployers only.
local function checkLevel(entry, msg)
  local level = config.get("SECURITY_CONFIG", "authLevel")
  if level == "STANDARD" or entry.readonly or envelope.of(msg).cron or auth.allows("deployer", msg) then return end
  if level == "HIGH" and auth.isKnown(msg) then return end
  error(fail.new("FORBIDDEN", entry.action .. " is kept from this sender: authLevel is " .. tostring(level) .. " here",
    level == "HIGH" and "Send it through the fleet's coordinator." or "Only deployers may change something here now."))
end

local function checkMemory(entry)
  local most = not entry.readonly and config.get("RESOURCE_LIMITS", "maxMemoryMB")
  if not most or collectgarbage("count") / 1024 <= most then return end
  collectgarbage("collect")
  local used = collectgarbage("count") / 1024
  if used <= most then return end
  error(fail.new("MEMORY_LIMIT", string.format("%.1f MB of Lua heap are in use, %s are allowed", used, most),
    "Ask the owner of the process to free memory or to raise RESOURCE_LIMITS.maxMemoryMB."))
end

local function level(bucket, limit, now)
  return math.min(limit.capacity, bucket.tokens + math.max(0, now - bucket.at) / 1000 * limit.perSecond)
end

-- A bucket that rested longest says least.
local function makeRoom()
  local all = {}
  for key, bucket in pairs(store.rates.buckets) do all[#all + 1] = { key, bucket.at } end
  table.sort(all, function(a, b) return a[2] < b[2] or a[2] == b[2] and a[1] < b[1] end)
  for i = 1, MOST // 10 do
    if all[i] then
      store.rates.buckets[all[i][1]] = nil
      store.rates.count = store.rates.count - 1
    end
  end
end

local function checkRate(entry, msg)
  local limit = config.get("RATE_LIMITS", entry.action) or config.get("RATE_LIMITS", "*")
  -- Processes of the fleet speak for themselves as often as they need; what they carry counts for whom they carry it.
  if not limit or auth.allows("peer", msg) then return end
  local player, now = auth.player(msg), envelope.now()
  local rates, key = store.rates, player .. "\n" .. entry.action
  local bucket = rates.buckets[key]
  if not bucket then
    if rates.count >= MOST then makeRoom() end
    bucket = { tokens = limit.capacity, at = now }
    rates.buckets[key] = bucket
    rates.count = rates.count + 1
  end
  local tokens = level(bucket, limit, now)
  bucket.tokens, bucket.at = tokens, math.max(now, bucket.at)
  if tokens < 1 then
    local wait = math.ceil((1 - tokens) / limit.perSecond * 1000)
    error(fail.new("RATE_LIMITED", entry.action .. " is sent too often", "Send it again in " .. wait .. " ms.", { retryAfterMs = wait }))
  end
  bucket.tokens = tokens - 1
end

--- Lets a message pass or raises `FORBIDDEN`, `RATE_LIMITED` or `MEMORY_LIMIT`.
function admission.admit(entry, msg)
  checkLevel(entry, msg)
  checkRate(entry, msg)
  checkMemory(entry)
end

return admission
