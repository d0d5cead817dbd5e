--- State that is kept by the caller's key, so that some callers can be moved to another process with all that they have.
--
-- A state declared with `partition = true` has the keys of the service's traffic (`trafficKey`) as its own keys. The router names a
-- request's key in the tag `Traffic-Key`; a range of buckets (see `fleet.router-table`) that is sealed here takes no requests: what has
-- these keys is on its way to another process, or there. While anything is sealed, requests without a key from the router are refused
-- too: nobody could say whose state they would change.
local auth = require("fleet.auth")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local state = require("fleet.state")
local store = require("fleet.store")
local tables = require("fleet.router-table")

local partition = {}

--- The router's word for whose request a message is, also one that it carries for a player; nil where no peer says so.
function partition.key(msg)
  local key = envelope.tag(msg, "Traffic-Key")
  if type(key) == "string" and key ~= "" and auth.isKnown(msg) then return key end
  return nil
end

-- Buckets of the keys that are here, by one salt: each step of a rollout asks for all of them, and a hash takes 0.1 ms here.
local buckets = { salt = "", count = 0, of = {} }
local MOST_BUCKETS = 200000

local function bucketOf(key, salt)
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

--- Raises `DRAINING` for a request whose keys are not here any more.
function partition.check(msg)
  local sealed = store.partition
  if #sealed.ranges == 0 then return end
  local key = partition.key(msg)
  local bucket = key and tables.bucket(key, sealed.salt)
  for _, range in ipairs(sealed.ranges) do
    if not bucket or bucket >= range.from and bucket < range.to then
      error(fail.new("DRAINING", key and "what belongs to this key goes to another process" or "keys of this process go to another one",
        "Send it again through the fleet's coordinator."))
    end
  end
end

local function without(ranges, gone)
  local rest = {}
  for _, range in ipairs(ranges) do
    if range.from < gone.from then rest[#rest + 1] = { from = range.from, to = math.min(range.to, gone.from) } end
    if range.to > gone.to then rest[#rest + 1] = { from = math.max(range.from, gone.to), to = range.to } end
  end
  return rest
end

--- Takes no more requests of a range. Ranges of an earlier release's salt are forgotten: they say nothing of these buckets.
-- @tparam table range { salt, from, to }: buckets from `from` up to, and without, `to`
function partition.seal(range)
  local before = store.partition.salt == range.salt and store.partition.ranges or {}
  local ranges = without(before, range)
  ranges[#ranges + 1] = { from = range.from, to = range.to }
  store.partition = { salt = range.salt, ranges = ranges }
end

--- Takes requests of a range again.
function partition.unseal(range)
  local same = store.partition.salt == range.salt
  store.partition = { salt = range.salt, ranges = same and without(store.partition.ranges, range) or {} }
end

--- Calls to others that were made for a request of a range and are not answered yet: they still change what it has.
function partition.open(range)
  local belongs, n = within(range), 0
  for _, call in pairs(store.calls.open) do
    if call.key == nil or belongs(call.key) then n = n + 1 end
  end
  return n
end

--- What the keys of a range have, with its digest.
function partition.export(range)
  return state.slice(within(range))
end

--- Puts what the keys of a range have in the place of what they had here, and takes their requests from now on.
function partition.import(range, exported, digest)
  local taken = state.replace(exported, digest, within(range))
  partition.unseal(range)
  return taken
end

return partition
