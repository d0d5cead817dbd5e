--- Refused messages: counted by their reason and by their sender, whoever floods. Both tables are bounded.
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local json = require("fleet.json")
local store = require("fleet.store")

local refusals = {}

--- Reasons that are counted by themselves; further ones count as `OTHER`. A program may make codes of what it is sent.
local REASONS = 64
--- Senders that are counted by themselves.
local SENDERS = 64

-- byReason: code → n · senders: sender → { count, over, code, at } · size: number of senders
store.refusals = store.refusals or { byReason = {}, reasons = 0, senders = {}, size = 0 }

local function countReason(code)
  local kept = store.refusals
  code = cut(tostring(code or "OTHER"), 64)
  if kept.byReason[code] == nil then
    if kept.reasons >= REASONS then code = "OTHER" end
    if kept.byReason[code] == nil then kept.reasons = kept.reasons + 1 end
  end
  kept.byReason[code] = (kept.byReason[code] or 0) + 1
  return code
end

-- The space-saving algorithm of Metwally et al.: a new sender takes the place of the one with the fewest refusals and starts with its count, of
-- which `over` may be others'. Every sender with more than 1/SENDERS of all refusals is in the table, in whatever order they came.
local function countSender(sender, code)
  local kept, from = store.refusals, cut(tostring(sender), 128)
  local entry = kept.senders[from]
  if not entry then
    entry = { count = 0, over = 0 }
    if kept.size >= SENDERS then
      local least
      for name, each in pairs(kept.senders) do
        local other = least and kept.senders[least]
        if not other or each.count < other.count or each.count == other.count and name < least then least = name end
      end
      entry.count = kept.senders[least].count
      entry.over = entry.count
      kept.senders[least] = nil
    else
      kept.size = kept.size + 1
    end
    kept.senders[from] = entry
  end
  entry.count, entry.code, entry.at = entry.count + 1, code, envelope.now()
end

--- Counts a refusal.
-- @tparam ?string code its reason
-- @tparam ?string sender whose message it was; nil if it is not known
-- @tparam ?string class see `roles.class`; only `others` are counted by sender
function refusals.count(code, sender, class)
  local reason = countReason(code)
  if class == "others" and sender then countSender(sender, reason) end
end

--- Refusals by their reason: code → n.
function refusals.byReason()
  local counts = json.object()
  for code, n in pairs(store.refusals.byReason) do counts[code] = n end
  return counts
end

--- The senders outside the fleet with most refusals: { from, count, over, code, at }, most first. `count` is at most `over` too high; `code` and
-- `at` are of the latest one.
function refusals.bySender()
  local list = {}
  for from, each in pairs(store.refusals.senders) do
    list[#list + 1] = { from = from, count = each.count, over = each.over, code = each.code, at = each.at }
  end
  table.sort(list, function(a, b) return a.count > b.count or a.count == b.count and a.from < b.from end)
  return list
end

return refusals
