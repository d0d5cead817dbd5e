--- Banned players, with the end and the reason of each ban.
local fleet = require("fleet")
local trail = require("trail")

local bans = {}

local MAX_BANS = 10000

--- Lifted bans that are remembered, so that a copy of the list can be brought up to date without being sent whole.
local MAX_LIFTED = 1000

--- The processes that act for players and keep a copy of the list, by their enforce.lua.
local ENFORCERS = { "battle", "coordinator", "pokemon", "shop" }

--- Bans of one page of LIST_BANS.
local PAGE = 200

-- byPlayer: address → ban · seq: number of changes, each ban has that of its own · lifted: { playerId, seq }, oldest first ·
-- forgotten: the number of the latest lifted ban that is no longer remembered. States of earlier versions have only the first two.
local state = fleet.state("bans", { byPlayer = {}, count = 0, seq = 0, lifted = {}, forgotten = 0 })

local function remove(player)
  if state.byPlayer[player] then
    state.byPlayer[player] = nil
    state.count = state.count - 1
    return true
  end
  return false
end

-- A copy of the list applies the end of a ban itself, so it is told only what a deployer changes.
local function tell(change)
  change.since = state.seq or 0
  state.seq = change.since + 1
  change.seq = state.seq
  for _, name in ipairs(ENFORCERS) do
    if fleet.peer(name) then fleet.call(name, "SET_BANS", change) end
  end
  return state.seq
end

local function isOver(ban, now)
  return ban.untilTime ~= nil and ban.untilTime <= now
end

--- The active ban of a player, or nil. An expired ban is removed.
function bans.find(player, now)
  local ban = state.byPlayer[player]
  if ban and isOver(ban, now) then
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
  ban.seq = tell({ bans = { { playerId = ban.playerId, untilTime = ban.untilTime } } })
  trail.decide("BANNED", data.playerId, nil, data.reason, msg)
  return { ban = ban, count = state.count }
end)

fleet.on("UNBAN_PLAYER", { who = "deployer", schema = { playerId = PLAYER } }, function(data, msg)
  local lifted = remove(data.playerId)
  if lifted then
    state.lifted = state.lifted or {}
    table.insert(state.lifted, { playerId = data.playerId, seq = tell({ lifted = { data.playerId } }) })
    if #state.lifted > MAX_LIFTED then state.forgotten = table.remove(state.lifted, 1).seq end
    trail.decide("UNBANNED", data.playerId, nil, nil, msg)
  end
  return { playerId = data.playerId, lifted = lifted, count = state.count }
end)

-- What a copy of the list that knows the change `since` is missing; all of it if that is no longer known.
local function changes(since, now)
  local seq = state.seq or 0
  local full = since == 0 or since > seq or since < (state.forgotten or 0)
  local change = { seq = seq, full = full or nil, bans = {}, lifted = {} }
  for player, ban in pairs(state.byPlayer) do
    if (full or (ban.seq or 0) > since) and not isOver(ban, now) then
      table.insert(change.bans, { playerId = player, untilTime = ban.untilTime })
    end
  end
  for _, lift in ipairs(not full and state.lifted or {}) do
    if lift.seq > since and not state.byPlayer[lift.playerId] then table.insert(change.lifted, lift.playerId) end
  end
  change.since = math.min(since, seq)
  return change
end

-- Anybody may read the list, in pages; only the fleet's processes make security send all of it.
fleet.on("LIST_BANS", {
  readonly = true,
  schema = {
    after = { type = "string", maxLength = 128 }, limit = { type = "integer", min = 1, max = PAGE }, since = { type = "integer", min = 0 },
  },
}, function(data, msg)
  local now = fleet.now(msg)
  if data.since and fleet.is(msg, "peer") then return changes(data.since, now) end
  local list, players = {}, {}
  for player, ban in pairs(state.byPlayer) do
    if player > (data.after or "") and not isOver(ban, now) then players[#players + 1] = player end
  end
  table.sort(players)
  for i = 1, math.min(#players, data.limit or PAGE) do list[i] = state.byPlayer[players[i]] end
  return { bans = list, count = state.count, seq = state.seq or 0, more = #players > #list }
end)

return bans
