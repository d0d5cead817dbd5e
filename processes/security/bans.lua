--- Banned players, with the end and the reason of each ban.
local fleet = require("fleet")
local trail = require("trail")

local bans = {}

local MAX_BANS = 10000

local state = fleet.state("bans", { byPlayer = {}, count = 0 })

local function remove(player)
  if state.byPlayer[player] then
    state.byPlayer[player] = nil
    state.count = state.count - 1
    return true
  end
  return false
end

--- The active ban of a player, or nil. An expired ban is removed.
function bans.find(player, now)
  local ban = state.byPlayer[player]
  if ban and ban.untilTime and ban.untilTime <= now then
    remove(player)
    return nil
  end
  return ban
end

--- The number of bans.
function bans.count()
  return state.count
end

local PLAYER = { type = "string", required = true, minLength = 1, maxLength = 128 }

fleet.on("BAN_PLAYER", {
  who = "deployer",
  schema = {
    playerId = PLAYER, reason = { type = "string", required = true, minLength = 1, maxLength = 500 },
    hours = { type = "number", min = 0.01, max = 87600 },
  },
}, function(data, msg)
  if not state.byPlayer[data.playerId] then
    if state.count >= MAX_BANS then error(fleet.fail("TOO_MANY", MAX_BANS .. " players are already banned", "Lift bans that are no longer needed.")) end
    state.count = state.count + 1
  end
  local now = fleet.now(msg)
  local ban = {
    playerId = data.playerId, reason = data.reason, at = now, by = msg.From,
    untilTime = data.hours and now + math.floor(data.hours * 3600000) or nil,
  }
  state.byPlayer[data.playerId] = ban
  trail.add("BANNED", data.playerId, nil, data.reason, now)
  return { ban = ban, count = state.count }
end)

fleet.on("UNBAN_PLAYER", { who = "deployer", schema = { playerId = PLAYER } }, function(data, msg)
  local lifted = remove(data.playerId)
  if lifted then trail.add("UNBANNED", data.playerId, nil, nil, fleet.now(msg)) end
  return { playerId = data.playerId, lifted = lifted, count = state.count }
end)

fleet.on("LIST_BANS", { who = "peer" }, function(_, msg)
  local list, players = {}, {}
  for player in pairs(state.byPlayer) do players[#players + 1] = player end
  table.sort(players)
  for _, player in ipairs(players) do list[#list + 1] = bans.find(player, fleet.now(msg)) end
  return { bans = list, count = state.count }
end)

return bans
