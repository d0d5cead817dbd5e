--- Turn-based battles between two players. Anybody can replay a finished battle.
local fleet = require("fleet")
local book = require("book")
local damage = require("damage")
local desk = require("desk")
local moves = require("moves")
local settlement = require("settlement")
local team = require("team")
local view = require("view")

fleet.process({
  name = "battle",
  processType = "BATTLE",
  version = "1.0.0",
  capabilities = { "BATTLE_PROCESSING", "TURN_RESOLUTION", "DAMAGE_CALCULATION" },
  endpoints = {
    "START_BATTLE", "ACCEPT_BATTLE", "SUBMIT_MOVE", "REVEAL_MOVE", "FORFEIT", "CLAIM_TIMEOUT", "GET_BATTLE", "LIST_BATTLES",
    "REPLAY_BATTLE", "CALCULATE_DAMAGE", "SETTLE_BATTLE", "CLAIM_PRIZE", "RELEASE_PRIZE", "SETTLE_PRIZE",
  },
})

local state, refuse = desk.state, desk.refuse
local BATTLE = desk.BATTLE

--- The most challenges that LIST_BATTLES shows.
local MOST_CHALLENGES = 100

require("opening")
require("playing")

fleet.on("GET_BATTLE", { who = "anyone", readonly = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle = desk.find(data.battleId, msg)
  return view.battle(book.unfold(battle), book.side(battle, fleet.player(msg)))
end)

local function newestFirst(a, b)
  return a.startedAt > b.startedAt or a.startedAt == b.startedAt and a.id < b.id
end

-- The newest challenge of each challenger first, then the second of each: whoever sends many hides no other's.
local function inTurn(waiting)
  table.sort(waiting, newestFirst)
  local place, seen = {}, {}
  for _, challenge in ipairs(waiting) do
    local challenger = challenge.players[1]
    seen[challenger] = (seen[challenger] or 0) + 1
    place[challenge] = seen[challenger]
  end
  table.sort(waiting, function(a, b)
    return place[a] < place[b] or place[a] == place[b] and newestFirst(a, b)
  end)
  return waiting
end

-- The player's battles, and challenges by and to the player; `opponent`: only those with one player.
fleet.on("LIST_BATTLES", {
  who = "anyone", readonly = true, schema = { opponent = { type = "string", maxLength = 64 } },
}, function(data, msg)
  local player, list, waiting = fleet.player(msg), {}, {}
  local function isAsked(battle)
    local side = book.side(battle, player)
    return side and (data.opponent == nil or battle.players[3 - side] == data.opponent)
  end
  for _, battle in pairs(state.battles) do
    if isAsked(battle) then
      list[#list + 1] = view.outcome(battle)
    end
  end
  for id in pairs(state.challenges or {}) do
    local challenge = book.find(state, id, fleet.now(msg))
    if challenge and isAsked(challenge) then
      waiting[#waiting + 1] = challenge
    end
  end
  inTurn(waiting)
  for i = 1, math.min(#waiting, MOST_CHALLENGES) do
    list[#list + 1] = view.outcome(waiting[i])
    list[#list].challenger = waiting[i].players[1]
  end
  table.sort(list, function(a, b)
    return a.battleId < b.battleId
  end)
  return { battles = list, count = #list, challenges = #waiting }
end)

fleet.on("REPLAY_BATTLE", { who = "anyone", readonly = true, schema = { battleId = BATTLE } }, function(data)
  local battle = state.battles[data.battleId]
  if not battle then
    refuse("UNKNOWN_BATTLE", "there is no battle " .. data.battleId, "use the battleId that START_BATTLE returned")
  elseif battle.status ~= "FINISHED" then
    refuse("BATTLE_OPEN", "this battle is not finished", "finish it first")
  end
  battle = book.unfold(battle)
  local digest = book.digest(book.replay(battle), battle.ending)
  return {
    battleId = battle.id, seed = battle.seed, teams = battle.teams, moves = battle.history, ending = battle.ending,
    digest = battle.digest, replayDigest = digest, equal = digest == battle.digest,
  }
end)

-- The formula alone: the damage of one hit for every roll, without stages.
fleet.on("CALCULATE_DAMAGE", {
  who = "anyone",
  readonly = true,
  schema = {
    attacker = { type = "table", required = true },
    defender = { type = "table", required = true },
    move = { type = "string", required = true, maxLength = 32 },
    critical = { type = "boolean" },
  },
}, function(data)
  local pair = {}
  for i, name in ipairs({ "attacker", "defender" }) do
    local problem = team.problem({ data[name] })
    if problem then
      refuse("BAD_TEAM", name .. ": " .. problem, "fix it")
    end
    pair[i] = team.copy({ data[name] })[1]
    pair[i].stages = {}
  end
  local move = moves.get(data.move)
  if not move or move.power == 0 then
    refuse("UNKNOWN_MOVE", "there is no damaging move " .. data.move, "choose a move that deals damage")
  end
  local rolls, quarters = {}, nil
  for roll = damage.LOWEST_ROLL, damage.HIGHEST_ROLL do
    rolls[#rolls + 1], quarters = damage.of(pair[1], pair[2], move, data.critical == true, roll)
  end
  return { rolls = rolls, least = rolls[1], most = rolls[#rolls], effectiveness = quarters / 4, move = move }
end)

settlement.install(state, desk.find)

fleet.invariant("battles-are-whole", function()
  return book.consistent(state)
end)

fleet.check("dice", "READINESS", function()
  return book.selfTest()
end)
