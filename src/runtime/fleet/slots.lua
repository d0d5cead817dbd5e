--- The places for requests whose answer waits. There are `PROCESS_CONFIG.maxConcurrentRequests` of them, and they may keep `MAX_BYTES` of
-- Data in total. Free places are for everyone; of a full process, nobody and no service gets more than others want:
--   * new callers keep a quarter, callers from before a half, the fleet's own processes a quarter, whatever the others do (`fleet.callers`);
--   * within that, the caller with the most requests loses its oldest to one that has clearly fewer,
--   * then the service with the most loses one to a service that has clearly fewer,
--   * then a caller without any request takes the place of one that has waited for longer than an answer usually takes.
-- The last rule is why as many wallets as places do not close a process: their requests without an answer are the oldest ones.
local callers = require("fleet.callers")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local run = require("fleet.run")
local store = require("fleet.store")

local slots = {}

--- Bytes of Data that open requests may keep.
slots.MAX_BYTES = 16 * 1024 * 1024

--- The share of the places that a rank keeps, as a divisor.
local KEPT = { [callers.NEW] = 4, [callers.BEFORE] = 2, [callers.FLEET] = 4 }
--- How long a request may wait before it can lose its place to a caller with as few: this part of the time limit of a call.
local PATIENCE = 6

--- Maximum number of requests.
function slots.limit()
  return config.get("PROCESS_CONFIG", "maxConcurrentRequests")
end

-- Requests that an earlier version deferred have neither rank nor bytes.
local function senderOf(entry) return entry.sender or tostring(entry.address.target) end
local function rankOf(entry) return entry.rank or callers.NEW end
local function groupOf(entry) return entry.group or "" end
local function bytesOf(entry) return entry.bytes or 0 end
local function one() return 1 end

-- Count and bytes are kept, because they are needed at every request.
local function totals()
  local calls = store.calls
  if not calls.held then
    local held = { count = 0, bytes = 0 }
    for _, entry in pairs(calls.deferred) do held.count, held.bytes = held.count + 1, held.bytes + bytesOf(entry) end
    calls.held = held
  end
  return calls.held
end

--- Number of open requests, and the bytes of Data that they keep.
function slots.count()
  local held = totals()
  return held.count, held.bytes
end

--- Adds or removes a request; undone if the handler fails.
-- @tparam string id of its message
-- @tparam ?table entry nil removes it
-- @treturn ?table the entry before
function slots.set(id, entry)
  local held, deferred = totals(), store.calls.deferred
  local before = deferred[id]
  deferred[id] = entry
  held.count = held.count + (entry and 1 or 0) - (before and 1 or 0)
  held.bytes = held.bytes + (entry and bytesOf(entry) or 0) - (before and bytesOf(before) or 0)
  return before
end

--- Like `set`, and undone if the handler fails.
function slots.change(id, entry)
  local before = slots.set(id, entry)
  run.onFailure(function() slots.set(id, before) end)
  return before
end

local function add(sums, key, n) sums[key] = (sums[key] or 0) + n end

local function tally(measure)
  local sums = { rank = {}, sender = {}, group = {} }
  for _, entry in pairs(store.calls.deferred) do
    local n = measure(entry)
    add(sums.rank, rankOf(entry), n)
    add(sums.sender, senderOf(entry), n)
    add(sums.group, groupOf(entry), n)
  end
  return sums
end

-- Of the entries that `may` lose their place: that of the key with the most, then the oldest. Returns its id, and the key.
local function pick(sums, keyOf, may)
  local found, most
  for id, entry in pairs(store.calls.deferred) do
    if may(entry) then
      local key = keyOf(entry)
      local other = found and store.calls.deferred[found]
      local more = not other or sums[key] > sums[most]
      local same = other and sums[key] == sums[most]
      local older = same and (entry.order or 0) < (other.order or 0)
      if more or older or same and (entry.order or 0) == (other.order or 0) and id < found then found, most = id, key end
    end
  end
  return found, most
end

-- The request that loses its place, if the process is full by this measure.
local function victim(asker, limit, measure)
  local sums, mine = tally(measure), measure(asker)
  local own = sums.sender[asker.sender] or 0
  local function holds(entry) return measure(entry) > 0 end
  local function tooMany(rank) return (sums.rank[rank] or 0) > limit // KEPT[rank] end
  -- A rank above the asker's keeps its share.
  local function open(entry) return holds(entry) and (rankOf(entry) <= asker.rank or tooMany(rankOf(entry))) end
  for rank = callers.NEW, asker.rank - 1 do
    if tooMany(rank) then
      return (pick(sums.sender, senderOf, function(entry) return holds(entry) and rankOf(entry) == rank end))
    end
  end
  local found, most = pick(sums.sender, senderOf, open)
  if not found or sums.sender[most] > own + mine then return found end
  local _, group = pick(sums.group, groupOf, open)
  if sums.group[group] > (sums.group[asker.group] or 0) + mine then
    return (pick(sums.sender, senderOf, function(entry) return open(entry) and groupOf(entry) == group end))
  end
  if own > 0 then return nil end
  local latest = envelope.now() - config.get("PROCESS_CONFIG", "requestTimeout") / PATIENCE
  return (pick({ [""] = 0 }, function() return "" end, function(entry) return open(entry) and (entry.at or 0) <= latest end))
end

--- The request that loses its place to another one. The asker has none if the result is nil and `full`.
-- @tparam table asker { sender, rank, group, bytes }
-- @treturn boolean whether there is no place for it
-- @treturn ?string the id of the request that must go first
function slots.full(asker)
  local held, limit = totals(), slots.limit()
  if held.count >= limit then return true, victim(asker, limit, one) end
  if held.bytes + asker.bytes > slots.MAX_BYTES then return true, victim(asker, slots.MAX_BYTES, bytesOf) end
  return false
end

return slots
