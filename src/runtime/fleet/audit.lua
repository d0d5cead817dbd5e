--- The audit log: important actions, and refusals. Operators (the owner and deployers), the fleet's processes and all others have places of
-- their own, so that what strangers send, and what processes do for them, removes no record of a decision. Of the refusals of others each
-- sender has a share of the places, and of those that lose theirs a sample is kept; all are counted (see `fleet.refusals`).
local auth = require("fleet.auth")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local refusals = require("fleet.refusals")
local ring = require("fleet.ring")
local roles = require("fleet.roles")
local store = require("fleet.store")

local audit = {}

--- Entries of a class with the same outcome (done, or not), of one sender among refused others, and in the sample.
local SIZE, SHARE, SAMPLE = 100, 4, 50

local function senderOf(entry)
  return entry.onBehalf or entry.from
end
local OWN, ALL = { size = SIZE }, { size = SIZE, by = senderOf }
local REFUSED_OTHERS = { size = SIZE, share = SHARE, by = senderOf }

local function placesOf(class, outcome)
  return store.audit[class][outcome == "ok" and "accepted" or "refused"]
end

-- Every refusal that loses its place has the same chance to be in the sample: the n-th takes one of its places with the probability SAMPLE / n.
-- The place follows from n and the sender, so that every evaluation draws the same.
local function sample(entry)
  local kept = store.audit
  kept.lost = kept.lost + 1
  if kept.lost <= SAMPLE then
    kept.sample[kept.lost] = entry
    return
  end
  local drawn = kept.lost * 2654435761
  for i = 1, #entry.from do drawn = ((drawn ~ entry.from:byte(i)) * 0x01000193) & 0xffffffff end
  local place = drawn % kept.lost + 1
  if place <= SAMPLE then kept.sample[place] = entry end
end

-- The entry that a repetition increments: the latest of its places, or, of a refused stranger, any of its own.
local function earlier(list, entry, anywhere)
  for i = #list, anywhere and 1 or math.max(1, #list), -1 do
    local each = list[i]
    if each.from == entry.from and each.onBehalf == entry.onBehalf and each.action == entry.action and each.code == entry.code
      and each.outcome == entry.outcome then
      return each
    end
  end
  return nil
end

local function add(class, entry)
  local list = placesOf(class, entry.outcome)
  local isRefusedOther = class == "others" and entry.outcome ~= "ok"
  if isRefusedOther then store.audit.strangers = (store.audit.strangers or 0) + entry.count end
  local same = earlier(list, entry, isRefusedOther)
  if same then
    same.seq, same.at, same.count = entry.seq, entry.at, same.count + entry.count
    return
  end
  local lost = ring.add(list, entry, isRefusedOther and REFUSED_OTHERS or class == "operators" and OWN or ALL)
  if lost and isRefusedOther then sample(lost) end
end

--- Records an outcome. A repetition (same sender, action, outcome and code) increments the `count` of the entry.
-- @tparam string outcome `ok`, `refused` or `error`
-- @tparam ?string code of the refusal
function audit.record(msg, action, outcome, code)
  store.audit.seq = store.audit.seq + 1
  local player = auth.player(msg)
  add(auth.class(msg), {
    seq = store.audit.seq, at = envelope.now(), from = cut(tostring(msg.From), 128), action = cut(tostring(action), 64), outcome = outcome,
    code = code, count = 1, onBehalf = player ~= msg.From and cut(tostring(player), 128) or nil,
  })
end

--- Entries after a sequence number, oldest first.
function audit.read(since)
  local entries = {}
  local function take(list)
    for _, entry in ipairs(list) do
      if entry.seq > (since or 0) then entries[#entries + 1] = entry end
    end
  end
  for _, class in ipairs({ "operators", "members", "others" }) do
    take(store.audit[class].accepted)
    take(store.audit[class].refused)
  end
  take(store.audit.sample)
  table.sort(entries, function(a, b) return a.seq < b.seq end)
  return entries
end

--- Refusals since the first load: `byReason`, code → n · `bySender`, the senders outside the fleet with most of them · `strangers`: refusals of
-- senders outside the fleet for which there was an entry.
function audit.refusals()
  return { byReason = refusals.byReason(), bySender = refusals.bySender(), strangers = store.audit.strangers or 0 }
end

-- Earlier libraries kept two lists for all authors. They remain, empty, so that an earlier library can continue after a rollback.
local function migrate()
  local kept = store.audit
  for _, class in ipairs({ "operators", "members", "others" }) do kept[class] = kept[class] or { accepted = {}, refused = {} } end
  kept.sample, kept.lost = kept.sample or {}, kept.lost or 0
  for _, name in ipairs({ "accepted", "refused" }) do
    local old = kept[name]
    kept[name] = {}
    for _, entry in ipairs(old) do add(roles.class(entry.from), entry) end
  end
end

migrate()

return audit
