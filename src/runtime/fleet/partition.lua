--- State that is partitioned by the caller's key, so that some callers can be moved to another process with their state.
--
-- A state declared with `partition = true` uses the keys of the service's traffic (`trafficKey`) as its own keys. The router sets a
-- request's key in the tag `Traffic-Key`; a sealed range of buckets (see `fleet.router-table`) accepts no requests, because the state of
-- these keys is being moved, or has been moved, to another process. While a range is sealed, requests without a key from the router are
-- also refused, because it is unknown whose state they would change.
local auth = require("fleet.auth")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local state = require("fleet.state")
local store = require("fleet.store")
local tables = require("fleet.router-table")
local waiting = require("fleet.waiting")

local partition = {}

--- The key of a request, as set by the router, also for a forwarded one; nil if no peer set it.
function partition.key(msg)
  local key = envelope.tag(msg, "Traffic-Key")
  if type(key) == "string" and key ~= "" and auth.isKnown(msg) then return key end
  return nil
end

-- A cache of buckets for one salt: each step of a rollout needs the buckets of all keys, and a hash takes 0.1 ms here.
local buckets = { salt = "", count = 0, of = {} }
local MOST_BUCKETS, LONGEST = 200000, 128

local function bucketOf(key, salt)
  if #key > LONGEST then return tables.bucket(key, salt) end
  if buckets.salt ~= salt or buckets.count >= MOST_BUCKETS then buckets = { salt = salt, count = 0, of = {} } end
  local bucket = buckets.of[key]
  if not bucket then
    bucket = tables.bucket(key, salt)
    buckets.of[key], buckets.count = bucket, buckets.count + 1
  end
  return bucket
end

local function within(range)
  return function(key)
    local bucket = bucketOf(key, range.salt)
    return bucket >= range.from and bucket < range.to
  end
end

local function refusal(key)
  local sealed = store.partition
  if #sealed.ranges == 0 or envelope.isDryRun() then return nil end
  local bucket = key and bucketOf(key, sealed.salt)
  for _, range in ipairs(sealed.ranges) do
    if not bucket or bucket >= range.from and bucket < range.to then
      return fail.new("DRAINING", key and "the state of this key is being moved to another process" or "keys of this process are being moved to another one",
        "Send it again through the fleet's coordinator.")
    end
  end
  return nil
end

--- Raises `DRAINING` for a request whose key is no longer here.
function partition.check(msg)
  local failure = refusal(partition.key(msg))
  if failure then error(failure) end
end

--- The refusal of a message that the program's handlers must not get, or nil: the same as for a declared action, except that a tick, and a
-- process' message without a key, are not refused: a notice of a token is not sent again, and this process still has keys.
function partition.refusal(msg)
  if #store.partition.ranges == 0 then return nil end
  local key = partition.key(msg)
  if not key and (msg.Owner ~= msg.From or envelope.of(msg).cron) then return nil end
  return refusal(key)
end

local function without(ranges, gone)
  local rest = {}
  for _, range in ipairs(ranges) do
    if range.from < gone.from then rest[#rest + 1] = { from = range.from, to = math.min(range.to, gone.from), at = range.at } end
    if range.to > gone.to then rest[#rest + 1] = { from = math.max(range.from, gone.to), to = range.to, at = range.at } end
  end
  return rest
end

-- The sealed range that contains another one.
local function around(range)
  if store.partition.salt ~= range.salt then return nil end
  for _, sealed in ipairs(store.partition.ranges) do
    if sealed.from <= range.from and sealed.to >= range.to then return sealed end
  end
  return nil
end

--- Seals a range: its requests are refused. Ranges with an earlier release's salt are dropped, because their buckets differ.
-- @tparam table range { salt, from, to }: buckets from `from` (inclusive) to `to` (exclusive)
function partition.seal(range)
  local sealed = around(range)
  if sealed then
    -- An earlier library sealed it without a time.
    sealed.at = sealed.at or waiting.now()
    return
  end
  local before = store.partition.salt == range.salt and store.partition.ranges or {}
  local ranges = without(before, range)
  ranges[#ranges + 1] = { from = range.from, to = range.to, at = waiting.now() }
  store.partition = { salt = range.salt, ranges = ranges }
end

--- Unseals a range: its requests are accepted again.
function partition.unseal(range)
  local same = store.partition.salt == range.salt
  store.partition = { salt = range.salt, ranges = same and without(store.partition.ranges, range) or {} }
end

--- Number of open calls and waiting handlers for requests of a range: what they get can still change its state.
-- @treturn number · ?table those of the handlers for which a hand-over does not wait, see `waiting.count`: also those that processes' messages
--   without a key began since the range was sealed, if that is long ago; they run on
function partition.open(range)
  local belongs, n = within(range), 0
  for _, call in pairs(store.calls.open) do
    if call.key == nil or belongs(call.key) then n = n + 1 end
  end
  local count, old = waiting.count(belongs, (around(range) or {}).at)
  return n + count, old
end

--- Which waiting handlers do not get a message now, because a hand-over does not wait for them.
-- @tparam ?table msg nil: any message
-- @treturn ?function `function(name)`; nil: all of them get it
function partition.heldNow(msg)
  if store.waits.count == 0 then return nil end
  if store.status == "DRAINING" or store.status == "RETIRED" then
    return function(name) return waiting.isOld(name, store.stoppedAt) end
  end
  local list, salt = {}, store.partition.salt
  for _, range in ipairs(store.partition.ranges) do
    -- An earlier library sealed a range without a time, and waited for all handlers.
    if range.at then list[#list + 1] = { at = range.at, belongs = within({ salt = salt, from = range.from, to = range.to }) } end
  end
  if #list == 0 then return nil end
  local isRefused = msg ~= nil and partition.refusal(msg) ~= nil
  return function(name)
    local isLoop = waiting.isLoop(name)
    for _, range in ipairs(list) do
      if waiting.isOld(name, range.at) then
        if isLoop then return isRefused end
        if waiting.isFor(name, range.belongs, range.at) then return true end
      end
    end
    return false
  end
end

--- The handlers that get no message now because a hand-over did not wait for them. An import of their state is the end of them: they hold what
-- belongs to an earlier one. A loop of the load serves the imported state.
-- @tparam ?table range only such whose key is in it, or not known
-- @treturn table name → true
function partition.held(range)
  local isHeld, belongs = partition.heldNow(), range and within(range)
  local function hasEnded(name) return not waiting.isLoop(name) and isHeld(name) and waiting.isFor(name, belongs) end
  return isHeld and waiting.which(hasEnded) or {}
end

--- The sealed ranges, or nil.
-- @treturn ?table { salt, ranges: a list of { from, to, at } }, see `fleet.store`
function partition.sealed()
  return #store.partition.ranges > 0 and store.partition or nil
end

--- The state of the keys of a range, with its digest.
function partition.export(range)
  return state.slice(within(range))
end

--- Replaces the state of the keys of a range, and accepts their requests from then on.
function partition.import(range, exported, digest)
  local taken = state.replace(exported, digest, within(range))
  partition.unseal(range)
  return taken
end

return partition
