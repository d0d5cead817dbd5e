--- Callers that were here before. Wallets are free, so a flood may come from many; those that it is made of are new. A caller is known if a
-- request of it succeeded at least `SINCE` ago. A caller becomes one of the `KNOWN` that are kept with a later success, and stays for as long
-- as it is used once in `IDLE`: new ones do not replace it, however many they are.
local auth = require("fleet.auth")
local envelope = require("fleet.envelope")
local store = require("fleet.store")

local callers = {}

--- In ms of scheduler time.
callers.SINCE, callers.IDLE = 10 * 60000, 30 * 86400000
--- Number of known callers, and of those who may become one.
callers.KNOWN, callers.FRESH = 2048, 1024
--- Pause between two searches for idle callers, in ms.
local SWEEP = 3600000
local LONGEST = 128

--- Ranks: new callers, known ones, and the fleet's processes and deployers.
callers.NEW, callers.BEFORE, callers.FLEET = 1, 2, 3

local function since(sender)
  local kept = store.callers
  return kept.known[sender] and kept.known[sender].since or kept.fresh[sender]
end

--- Whether a caller was here before.
function callers.isKnown(sender)
  local at = since(sender)
  return at ~= nil and envelope.now() - at >= callers.SINCE
end

--- The rank of a message's sender.
function callers.rank(msg)
  if auth.allows("peer", msg) or envelope.of(msg).cron then return callers.FLEET end
  return callers.isKnown(tostring(auth.player(msg))) and callers.BEFORE or callers.NEW
end

local function sweep(now)
  local kept = store.callers
  if now - kept.sweptAt < SWEEP then return end
  kept.sweptAt = now
  for sender, one in pairs(kept.known) do
    if now - one.last > callers.IDLE then kept.known[sender], kept.count = nil, kept.count - 1 end
  end
end

local function promote(sender, now)
  local kept = store.callers
  if kept.count >= callers.KNOWN then sweep(now) end
  if kept.count >= callers.KNOWN then return end
  kept.known[sender], kept.count = { since = kept.fresh[sender], last = now }, kept.count + 1
  -- Its place in the ring stays empty until the ring comes round.
  kept.fresh[sender] = nil
end

--- Records that a request of a caller succeeded.
function callers.note(sender)
  local kept, now = store.callers, envelope.now()
  if #sender > LONGEST then return end
  local known = kept.known[sender]
  if known then
    known.last = now
  elseif kept.fresh[sender] then
    if now - kept.fresh[sender] >= callers.SINCE then promote(sender, now) end
  else
    kept.next = kept.next % callers.FRESH + 1
    local oldest = kept.ring[kept.next]
    if oldest then kept.fresh[oldest] = nil end
    kept.ring[kept.next], kept.fresh[sender] = sender, now
  end
end

return callers
