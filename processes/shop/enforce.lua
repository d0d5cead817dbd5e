--- The bans as the processes apply them that act for players: each keeps a copy of security's list.
-- Security sends every change at once (SET_BANS), and a copy asks for what it missed, at most once a minute. So a flood of messages to
-- security neither lifts a ban nor stops the others. Prizes do not rely on the copy: security is asked again for each.
-- This file is the same in each of these processes, so that a project can copy the folder of one.
local fleet = require("fleet")
local run = require("fleet.run")
local wiring = require("fleet.wiring")

local enforce = {}

--- Ms between two requests for changes that were missed.
enforce.REFRESH = 60000

--- Most bans of one message; security keeps no more.
local MOST = 10000

-- players: address → scheduler time at which the ban ends, 0 for never · seq: number of the latest change that is known
local state = fleet.state("banned", { players = {}, seq = 0, askedAt = 0 })

local function set(ban)
  if type(ban) == "table" and type(ban.playerId) == "string" then state.players[ban.playerId] = ban.untilTime or 0 end
end

--- Applies changes to the copy.
--- @param change table { seq, since?: the number before these changes, full?: the list is complete, bans: { playerId, untilTime? }[],
--- lifted?: addresses }; without a seq (an earlier security process), the list is complete
--- @return boolean whether earlier changes are missing
function enforce.apply(change)
  if change.full or change.seq == nil then
    state.players = {}
    state.seq = change.seq or 0
  elseif change.seq <= state.seq then
    return false
  end
  for _, ban in ipairs(change.bans or {}) do set(ban) end
  for _, player in ipairs(change.lifted or {}) do state.players[player] = nil end
  if change.full or change.seq == nil then return false end
  if (change.since or 0) > state.seq then return true end
  state.seq = change.seq
  return false
end

local function ask(now)
  local before = state.askedAt
  run.onFailure(function() state.askedAt = before end)
  state.askedAt = now
  -- A process with too many open calls asks at its next message.
  pcall(fleet.call, "security", "LIST_BANS", { since = state.seq }, function(reply)
    if reply.success then enforce.apply(reply) end
  end)
end

--- Whether a player is banned, by this process' copy.
--- @param player string
--- @param now integer scheduler time, ms
--- @return boolean
function enforce.isBanned(player, now)
  local ends = state.players[player]
  return ends ~= nil and (ends == 0 or ends > now)
end

--- Refuses a banned player's request with `BANNED`.
--- @param msg table the request
--- @param player string? default: the player that the request acts for
function enforce.check(msg, player)
  local now = fleet.now(msg)
  if enforce.isBanned(player or fleet.player(msg), now) then
    error(fleet.fail("BANNED", "this player is banned", "LIST_BANS of the security process has the reason and the end; a deployer can lift it"))
  end
  if fleet.peer("security") and now - (state.askedAt or 0) >= enforce.REFRESH then ask(now) end
end

-- Security itself, in any revision; a deployer can act for it. Other members of the fleet neither ban nor lift a ban.
local function isSecurity(msg)
  return fleet.is(msg, "deployer") or fleet.is(msg, "peer") and wiring.isPeer("security", msg.From)
end

fleet.on("SET_BANS", {
  who = isSecurity,
  silent = true,
  schema = {
    seq = { type = "integer", required = true, min = 1 },
    since = { type = "integer", required = true, min = 0 },
    bans = {
      type = "array", maxLength = MOST,
      items = { type = "table", fields = { playerId = { type = "string", maxLength = 128 }, untilTime = { type = "integer", min = 0 } } },
    },
    lifted = { type = "array", maxLength = MOST, items = { type = "string", maxLength = 128 } },
  },
}, function(change, msg)
  if enforce.apply(change) and fleet.peer("security") then ask(fleet.now(msg)) end
end)

return enforce
