--- The audit trail of security decisions, in three lists: what deployers decided, what the fleet's processes reported, and the verdicts on
-- players, which anybody can cause. None of them removes entries of another, and each player has a share of the last two.
local cut = require("fleet.cut")
local fleet = require("fleet")
local ring = require("fleet.ring")
local run = require("fleet.run")

local trail = {}

--- The entries of each list, and of one player in a list that is not the deployers'.
local SIZE, SHARE = 500, 16

-- entries: the verdicts; up to 1.0.0 all entries · decisions, reports: absent in states of 1.0.0
local state = fleet.state("trail", { seq = 0, entries = {}, decisions = {}, reports = {} })

local DECISIONS = { BANNED = true, UNBANNED = true, RULE_SET = true, LIMIT_SET = true }
local REPORTS = { INCIDENT = true }

local OWN = { size = SIZE }
local SHARED = { size = SIZE, share = SHARE, by = function(entry) return entry.player end }

local function add(list, entry, limits, isAnyRepeat)
  for i = #list, isAnyRepeat and 1 or math.max(1, #list), -1 do
    local earlier = list[i]
    if earlier.event == entry.event and earlier.player == entry.player and earlier.code == entry.code then
      earlier.seq, earlier.at, earlier.count, earlier.detail = entry.seq, entry.at, earlier.count + 1, entry.detail
      return
    end
  end
  ring.add(list, entry, limits)
end

-- Whether this was done since the load: a program of 1.0.0 to which the process was rolled back in between adds all to `entries` again.
local isSorted = false

-- Moves the entries that belong into another list: a state of 1.0.0, also an imported one, has all in `entries`. Not at the load, which keeps
-- states as messages left them.
local function sort()
  isSorted = true
  run.onFailure(function() isSorted = false end)
  state.decisions, state.reports = state.decisions or {}, state.reports or {}
  local verdicts = {}
  for _, entry in ipairs(state.entries) do
    if DECISIONS[entry.event] then
      ring.add(state.decisions, entry, OWN)
    elseif REPORTS[entry.event] then
      ring.add(state.reports, entry, SHARED)
    else
      verdicts[#verdicts + 1] = entry
    end
  end
  state.entries = verdicts
end

local function lists()
  if not (isSorted and state.decisions and state.reports) then sort() end
  return state.decisions, state.reports, state.entries
end

local function entryOf(event, player, code, detail, now)
  state.seq = state.seq + 1
  return {
    seq = state.seq, at = now, event = event, player = cut(tostring(player), 128), code = code, detail = detail and cut(detail, 300), count = 1,
  }
end

--- Records a verdict on a player, or an incident. A repetition (same event, player and code) increments the count of the entry.
function trail.add(event, player, code, detail, now)
  local _, reports, verdicts = lists()
  add(REPORTS[event] and reports or verdicts, entryOf(event, player, code, detail, now), SHARED, true)
end

--- Records what a deployer decided. A repetition of the latest decision increments its count.
-- @tparam string event BANNED, UNBANNED, RULE_SET or LIMIT_SET
-- @tparam string about the player, or "" for a rule
-- @tparam ?string code the action of a rule
function trail.decide(event, about, code, detail, msg)
  local decisions = lists()
  local entry = entryOf(event, about, code, detail, fleet.now(msg))
  entry.by = msg.From
  add(decisions, entry, OWN, false)
end

-- The latest entries, half of them decisions if there are that many: an audit shows the latest decisions whatever was refused since.
local function latest(entries, limit)
  local reserved, n = {}, 0
  for i = #entries, 1, -1 do
    if n < limit // 2 and DECISIONS[entries[i].event] then reserved[i], n = true, n + 1 end
  end
  local shown = {}
  for i = #entries, 1, -1 do
    if reserved[i] then
      table.insert(shown, 1, entries[i])
    elseif n < limit then
      table.insert(shown, 1, entries[i])
      n = n + 1
    end
  end
  return shown
end

fleet.on("SECURITY_AUDIT", {
  who = "peer", readonly = true,
  schema = {
    since = { type = "integer", min = 0 }, player = { type = "string", maxLength = 128 }, event = { type = "string", maxLength = 64 },
    limit = { type = "integer", min = 1, max = SIZE },
  },
}, function(data)
  local entries = {}
  for _, list in ipairs({ lists() }) do
    for _, entry in ipairs(list) do
      if entry.seq > (data.since or 0) and (data.player == nil or entry.player == data.player) and (data.event == nil or entry.event == data.event) then
        entries[#entries + 1] = entry
      end
    end
  end
  table.sort(entries, function(a, b) return a.seq < b.seq end)
  return { entries = latest(entries, data.limit or 100), seq = state.seq }
end)

return trail
