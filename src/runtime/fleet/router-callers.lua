--- Figures of single callers, per revision, and who called before the rollout. A judgement counts callers, because requests are free; and it
-- counts those who called before the rollout apart from new ones, because wallets are free as well.
--
-- Memory is bounded whatever strangers send: a revision has places for `PLACES` known and as many new callers, and `REMEMBERED` callers
-- are known. Nobody who has a place loses it to somebody who came later: of known callers those of longest standing have one, of new ones
-- the first. So a crowd of wallets, however many, displaces nobody who was there before it.
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local state = require("fleet.state")

local callers = {}

--- Places per revision, for known and for new callers each.
local PLACES = 128

--- Maximum number of remembered callers. A newcomer gets the place of one who was not answered for `IDLE` ms, if it finds one at once.
local REMEMBERED, IDLE, LOOKED = 1024, 7 * 86400000, 8

--- Latencies per caller.
local TIMES = 8

--- Codes of a revision that has no place for a request: they say how much it has to do, not how it answers.
local BUSY = { BUSY = true, MEMORY_LIMIT = true }

-- release, at: the release in force and when it began · list, since, last: the remembered callers, and when each was first and last answered ·
-- services: when each service first answered a caller
local K = state.declare("traffic-callers", { list = {}, since = {}, last = {}, services = {}, count = 0, hand = 0 }, { undo = "none", own = true })

--- Notes which release is in force: whoever was answered before its first table is known during its rollout.
function callers.begin(release)
  if K.release ~= release then K.release, K.at = release, envelope.now() end
end

local function isKnown(sender)
  local since = K.since[sender]
  return since ~= nil and K.at ~= nil and since < K.at
end

local function place(now)
  if K.count < REMEMBERED then
    K.count = K.count + 1
    return K.count
  end
  for _ = 1, LOOKED do
    K.hand = K.hand % REMEMBERED + 1
    local other = K.list[K.hand]
    if now - K.last[other] > IDLE then
      K.since[other], K.last[other] = nil, nil
      return K.hand
    end
  end
  return nil
end

local function remember(sender)
  local now = envelope.now()
  if not K.since[sender] then
    local at = place(now)
    if not at then return end
    K.list[at], K.since[sender] = sender, now
  end
  K.last[sender] = now
end

--- Notes that a service has answered a caller.
function callers.serves(service)
  -- An earlier version kept none.
  K.services = K.services or {}
  K.services[service] = K.services[service] or envelope.now()
end

--- Whether a service answered a caller before the release in force, whoever calls it now.
function callers.wasServed(service)
  local since = K.services and K.services[service]
  return since ~= nil and K.at ~= nil and since < K.at
end

--- The figures of a revision's callers, without any.
function callers.none()
  return { of = {}, known = 0, new = 0 }
end

-- Whether a known caller gets a place: that of the one who came last, if it came later.
local function makePlace(one, since)
  if not one.latest then
    for id, found in pairs(one.of) do
      local latest = one.latest
      if found.since and (not latest or found.since > latest.since or found.since == latest.since and id > latest.id) then
        one.latest = { id = id, since = found.since }
      end
    end
  end
  if not one.latest or one.latest.since <= since then return false end
  one.of[one.latest.id], one.latest, one.known = nil, nil, one.known - 1
  return true
end

-- The figures of one caller; nil if there is no place for it.
local function own(one, sender)
  local found = one.of[sender]
  if found then return found end
  local since = isKnown(sender) and K.since[sender] or nil
  local group = since and "known" or "new"
  if one[group] >= PLACES and not (since and makePlace(one, since)) then return nil end
  one[group] = one[group] + 1
  found = {
    requests = 0, answered = 0, errors = 0, refused = 0, draining = 0, earlier = 0, busy = 0, limited = 0, ms = {}, next = 1, since = since,
  }
  one.of[sender] = found
  return found
end

--- Adds to a count of a caller.
-- @tparam ?table one the figures of a revision's callers; nil if an earlier version of the library began them, which had none
function callers.add(one, sender, kind, n)
  local found = one and own(one, sender)
  if found then found[kind] = found[kind] + n end
end

--- Records what became of a request: its slot, by which a judge finds it again, how long it took, and why it failed.
-- @tparam table answer the result of `fleet.answer`
-- @tparam ?number slot of the message that was being handled when the request was sent
-- @tparam ?number ms how long it took; nil if that says nothing
-- @tparam boolean isFault whether it failed because of the revision, and not because of the sender
function callers.ended(one, sender, answer, slot, ms, isFault)
  if answer.success then remember(sender) end
  local found = one and one.of[sender]
  if not found then return end
  found.slot = slot
  if ms then
    found.ms[found.next] = ms
    found.next = found.next % TIMES + 1
  end
  if answer.success then return end
  local code = cut(tostring(answer.error.code), 64)
  if code == "RATE_LIMITED" then
    found.limited = found.limited + 1
  elseif BUSY[code] then
    found.busy = found.busy + 1
  elseif code ~= "DRAINING" then
    found[isFault and "fault" or "refusal"] = { slot = slot, code = code }
  end
end

--- The callers of a revision for a reply, sorted by their addresses.
function callers.report(one)
  local list = {}
  for sender, found in pairs(one.of) do
    list[#list + 1] = {
      id = sender, known = isKnown(sender), since = found.since, requests = found.requests, answered = found.answered, errors = found.errors,
      refused = found.refused, draining = found.draining, earlier = found.earlier, busy = found.busy, limited = found.limited,
      ms = found.ms, slot = found.slot, fault = found.fault, refusal = found.refusal, open = {},
    }
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

return callers
