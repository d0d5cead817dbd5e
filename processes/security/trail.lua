--- The audit trail of security decisions: a ring of 500 entries.
local fleet = require("fleet")

local trail = {}

local SIZE = 500

local state = fleet.state("trail", { seq = 0, entries = {} })

--- Appends an entry. A repetition of the latest (same event, player and code) increments its count.
function trail.add(event, player, code, detail, now)
  state.seq = state.seq + 1
  local last = state.entries[#state.entries]
  if last and last.event == event and last.player == player and last.code == code then
    last.seq, last.at, last.count, last.detail = state.seq, now, last.count + 1, detail
    return
  end
  table.insert(state.entries, {
    seq = state.seq, at = now, event = event, player = tostring(player):sub(1, 128), code = code, detail = detail and detail:sub(1, 300), count = 1,
  })
  if #state.entries > SIZE then table.remove(state.entries, 1) end
end

fleet.on("SECURITY_AUDIT", {
  who = "peer", readonly = true,
  schema = {
    since = { type = "integer", min = 0 }, player = { type = "string", maxLength = 128 }, event = { type = "string", maxLength = 64 },
    limit = { type = "integer", min = 1, max = SIZE },
  },
}, function(data)
  local entries = {}
  for _, entry in ipairs(state.entries) do
    if entry.seq > (data.since or 0) and (data.player == nil or entry.player == data.player) and (data.event == nil or entry.event == data.event) then
      entries[#entries + 1] = entry
    end
  end
  local limit = data.limit or 100
  while #entries > limit do table.remove(entries, 1) end
  return { entries = entries, seq = state.seq }
end)

return trail
