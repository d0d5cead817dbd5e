--- Incidents that peers report: kept, counted per player, and raised as alerts when severe.
local cut = require("fleet.cut")
local fleet = require("fleet")
local ring = require("fleet.ring")
local trail = require("trail")

local incidents = {}

--- Incidents that are kept, and of one player.
local KEPT, SHARE = 500, 50
--- Players whose violations are counted.
local PLAYERS = 5000

local state = fleet.state("incidents", { seq = 0, list = {}, byPlayer = {}, players = 0 })

local SEVERITIES = { "LOW", "MEDIUM", "HIGH", "CRITICAL" }
local RANK = {}
for rank, severity in ipairs(SEVERITIES) do RANK[severity] = rank end

-- Many mild incidents, or many of one player, remove no severe one of another.
local LIMITS = {
  size = KEPT, share = SHARE,
  by = function(incident) return incident.playerId end,
  rank = function(incident) return RANK[incident.severity] or 0 end,
}

-- Removes the players with the fewest violations, of these the least recently seen: many new players with one violation each remove nobody
-- with more. A sixteenth at once, because finding them takes a pass over all.
local function makeRoom()
  local all = {}
  for player, each in pairs(state.byPlayer) do all[#all + 1] = { player, each.count, each.at } end
  table.sort(all, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[3] < b[3] or a[3] == b[3] and a[1] < b[1]
  end)
  for i = 1, math.min(#all, PLAYERS // 16) do
    state.byPlayer[all[i][1]] = nil
    state.players = state.players - 1
  end
end

--- Counts a violation of a player.
function incidents.count(player, now)
  local entry = state.byPlayer[player]
  if not entry then
    if state.players >= PLAYERS then makeRoom() end
    entry = { count = 0, at = now }
    state.byPlayer[player] = entry
    state.players = state.players + 1
  end
  entry.count, entry.at = entry.count + 1, now
  return entry.count
end

--- The number of violations of a player.
function incidents.of(player)
  return state.byPlayer[player] and state.byPlayer[player].count or 0
end

local function alert(incident)
  local text = incident.type .. " by " .. incident.playerId .. " (" .. incident.severity .. "): " .. incident.description
  for _, name in ipairs({ "admin", "deployment-coordinator" }) do
    if fleet.peer(name) then
      fleet.call(name, "RAISE_ALERT", {
        type = "SECURITY_ALERT", source = incident.playerId, message = cut(text, 500),
        level = incident.severity == "CRITICAL" and "CRITICAL" or "ERROR",
      })
      return
    end
  end
end

fleet.on("REPORT_INCIDENT", {
  who = "peer", once = true,
  schema = {
    type = { type = "string", required = true, minLength = 1, maxLength = 64 },
    playerId = { type = "string", required = true, minLength = 1, maxLength = 128 },
    severity = { type = "string", enum = SEVERITIES },
    description = { type = "string", maxLength = 1000 },
  },
}, function(data, msg)
  local now = fleet.now(msg)
  state.seq = state.seq + 1
  local incident = {
    incidentId = "incident-" .. state.seq, type = data.type, playerId = data.playerId, severity = data.severity or "MEDIUM",
    description = data.description or "", reportedBy = msg.From, at = now,
  }
  ring.add(state.list, incident, LIMITS)
  local count = incidents.count(data.playerId, now)
  trail.add("INCIDENT", data.playerId, data.type, data.description, now)
  if incident.severity == "HIGH" or incident.severity == "CRITICAL" then alert(incident) end
  return { incident = incident, violations = count }
end)

fleet.on("LIST_INCIDENTS", {
  who = "peer", readonly = true,
  schema = { playerId = { type = "string", maxLength = 128 }, limit = { type = "integer", min = 1, max = KEPT } },
}, function(data)
  local list = {}
  for i = #state.list, 1, -1 do
    local incident = state.list[i]
    if (data.playerId == nil or incident.playerId == data.playerId) and #list < (data.limit or 50) then list[#list + 1] = incident end
  end
  return { incidents = list, total = state.seq }
end)

return incidents
