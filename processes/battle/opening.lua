--- Challenging another player, and agreeing to it.
local fleet = require("fleet")
local book = require("book")
local desk = require("desk")
local enforce = require("enforce")
local hall = require("hall")
local team = require("team")
local view = require("view")

local opening = {}

local state, refuse, must = desk.state, desk.refuse, desk.must

--- Checks the limits again before opening: other challenges may have come while the teams were fetched.
local function open(request)
  local ok, code, message, remedy = hall.mayChallenge(state, request.players[1], request.id, request.now)
  if not ok then
    return nil, code, message, remedy
  end
  return view.battle(book.unfold(book.challenge(state, request)), 1)
end

local function startFriendly(request, data)
  local teams = {}
  for i, name in ipairs({ "team", "opponentTeam" }) do
    if not data[name] then
      refuse("INVALID_DATA", name .. " is missing", "send both teams for a friendly battle, or none for a ranked battle with your parties")
    end
    local problem = team.problem(data[name])
    if problem then
      refuse("BAD_TEAM", name .. ": " .. problem, "fix the team")
    end
    teams[i] = team.copy(data[name])
  end
  request.teams, request.sealed = teams, data.sealed == true
  return must(open(request))
end

local function startRanked(request, msg)
  request.ranked, request.sealed = true, true
  fleet.later(msg)
  fleet.call("pokemon", "GET_PARTIES", { trainers = request.players }, function(reply)
    if not reply.success then
      fleet.replyError(msg, reply.error.code, reply.error.message, reply.error.remedy)
      return
    end
    request.teams = {}
    for i, party in ipairs(reply.parties) do
      if #party == 0 then
        fleet.replyError(msg, "NO_PARTY", request.players[i] .. " has no pokemon in the party", "use CREATE_POKEMON or SET_PARTY first")
        return
      end
      local problem = team.problem(party)
      if problem then
        fleet.replyError(msg, "BAD_TEAM", "the party of " .. request.players[i] .. ": " .. problem, "use SET_MOVES or SET_PARTY, or upgrade battle and pokemon together")
        return
      end
      request.teams[i] = team.copy(party)
    end
    local shown, code, message, remedy = open(request)
    if shown then
      fleet.reply(msg, shown)
    else
      fleet.replyError(msg, code, message, remedy)
    end
  end)
  return nil
end

--- Starts the battle of a challenge for the player who was challenged.
--- @param battle table a challenge
--- @param msg table of the second player
function opening.accept(battle, msg)
  local now = fleet.now(msg)
  if enforce.isBanned(battle.players[1], now) then
    refuse("BANNED", "the challenger is banned", "choose another opponent")
  end
  desk.settle(hall.sweep(state, now, desk.limit()), msg)
  desk.settle(must(hall.makeRoom(state, battle.players, now, desk.limit())), msg)
  book.start(state, battle, now)
end

fleet.on("START_BATTLE", {
  who = "anyone",
  once = true,
  schema = {
    opponent = { type = "string", required = true, maxLength = 64, pattern = "^[%w_%-]+$" },
    battleId = { type = "string", maxLength = 64, pattern = "^[%w_%-]+$" },
    team = { type = "array", maxLength = team.SIZE },
    opponentTeam = { type = "array", maxLength = team.SIZE },
    sealed = { type = "boolean" },
  },
}, function(data, msg)
  enforce.check(msg)
  local player = fleet.player(msg)
  if data.opponent == player then
    refuse("SELF_BATTLE", "you cannot fight yourself", "choose another opponent")
  elseif enforce.isBanned(data.opponent, fleet.now(msg)) then
    refuse("BANNED", "this opponent is banned", "choose another opponent")
  end
  local request = {
    id = data.battleId or "battle-" .. msg.Id,
    players = { player, data.opponent },
    ranked = false,
    now = fleet.now(msg),
  }
  must(hall.mayChallenge(state, player, request.id, request.now))
  if data.team or data.opponentTeam then
    return startFriendly(request, data)
  end
  return startRanked(request, msg)
end)

-- The second player's first choice also accepts.
fleet.on("ACCEPT_BATTLE", { who = "anyone", once = true, schema = { battleId = desk.BATTLE } }, function(data, msg)
  enforce.check(msg)
  local battle, side = desk.seat(data.battleId, msg)
  if battle.status == "CHALLENGED" and side == 1 then
    refuse("OWN_CHALLENGE", "the other player must accept", "wait, or FORFEIT to withdraw the challenge")
  elseif battle.status == "CHALLENGED" then
    opening.accept(battle, msg)
  end
  return view.battle(book.unfold(battle), side)
end)

return opening
