--- Battles between two players, turn by turn, each of which anybody can compute again.
local fleet = require("fleet")
local book = require("book")
local caller = require("caller")
local damage = require("damage")
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
    "START_BATTLE", "SUBMIT_MOVE", "FORFEIT", "CLAIM_TIMEOUT", "GET_BATTLE", "LIST_BATTLES", "REPLAY_BATTLE",
    "CALCULATE_DAMAGE", "SETTLE_BATTLE", "CLAIM_PRIZE", "RELEASE_PRIZE", "SETTLE_PRIZE",
  },
})

local state = fleet.state("battles", { battles = {}, finished = {} })

--- How long a player may keep the other waiting, in ms; ENVIRONMENT_VARS.MOVE_TIME_MS sets another time.
local MOVE_TIME = 600000

local BATTLE = { type = "string", required = true, maxLength = 64 }

local function refuse(code, message, remedy)
  error(fleet.fail(code, message, remedy))
end

local function must(result, code, message, remedy)
  if result == nil then
    refuse(code, message, remedy)
  end
  return result
end

local function find(id)
  local battle = state.battles[id]
  if not battle then
    refuse("UNKNOWN_BATTLE", "there is no battle " .. id, "START_BATTLE gives the battleId")
  end
  return battle
end

--- A battle and the side of the asking player.
local function seat(id, msg)
  local battle = find(id)
  local side = book.side(battle, fleet.player(msg))
  if not side then
    refuse("NOT_YOUR_BATTLE", "only its two players may do this", "GET_BATTLE shows who they are")
  end
  return battle, side
end

--- Looks again before opening: while the teams were fetched, other battles may have begun.
local function open(wish)
  local ok, code, message, remedy = book.mayStart(state, wish.players[1], wish.id)
  if not ok then
    return nil, code, message, remedy
  end
  return view.battle(book.unfold(book.start(state, wish)), 1)
end

local function startFriendly(wish, data)
  local teams = {}
  for i, name in ipairs({ "team", "opponentTeam" }) do
    if not data[name] then
      refuse("INVALID_DATA", name .. " is missing", "give both teams for a friendly battle, or none to fight with your parties")
    end
    local problem = team.problem(data[name])
    if problem then
      refuse("BAD_TEAM", name .. ": " .. problem, "correct the team")
    end
    teams[i] = team.copy(data[name])
  end
  wish.teams = teams
  return must(open(wish))
end

local function startRanked(wish, msg)
  wish.ranked = true
  fleet.later(msg)
  fleet.call("pokemon", "GET_PARTIES", { trainers = wish.players }, function(reply)
    if not reply.success then
      fleet.replyError(msg, reply.error.code, reply.error.message, reply.error.remedy)
      return
    end
    wish.teams = {}
    for i, party in ipairs(reply.parties) do
      if #party == 0 then
        fleet.replyError(msg, "NO_PARTY", wish.players[i] .. " has no pokemon in the party", "CREATE_POKEMON or SET_PARTY first")
        return
      end
      local problem = team.problem(party)
      if problem then
        fleet.replyError(msg, "BAD_TEAM", "the party of " .. wish.players[i] .. ": " .. problem, "SET_MOVES or SET_PARTY, or upgrade battle and pokemon together")
        return
      end
      wish.teams[i] = team.copy(party)
    end
    local shown, code, message, remedy = open(wish)
    if shown then
      fleet.reply(msg, shown)
    else
      fleet.replyError(msg, code, message, remedy)
    end
  end)
  return nil
end

fleet.on("START_BATTLE", {
  who = "anyone",
  once = true,
  schema = {
    opponent = { type = "string", required = true, maxLength = 64, pattern = "^[%w_%-]+$" },
    battleId = { type = "string", maxLength = 64, pattern = "^[%w_%-]+$" },
    team = { type = "array", maxLength = team.SIZE },
    opponentTeam = { type = "array", maxLength = team.SIZE },
  },
}, function(data, msg)
  local player = fleet.player(msg)
  if data.opponent == player then
    refuse("SELF_BATTLE", "you cannot fight yourself", "name another opponent")
  end
  local wish = {
    id = data.battleId or "battle-" .. msg.Id,
    players = { player, data.opponent },
    ranked = false,
    now = fleet.now(msg),
  }
  must(book.mayStart(state, player, wish.id))
  if data.team or data.opponentTeam then
    return startFriendly(wish, data)
  end
  return startRanked(wish, msg)
end)

--- What a player is told after a change; a battle that has just ended is settled with the other processes.
local function told(battle, side, msg)
  if battle.status == "FINISHED" then
    settlement.begin(battle.id, fleet.now(msg))
  end
  return view.battle(book.unfold(battle), side)
end

fleet.on("SUBMIT_MOVE", {
  who = "anyone",
  once = true,
  schema = {
    battleId = BATTLE,
    move = { type = "string", maxLength = 32 },
    switchTo = { type = "integer", min = 1, max = team.SIZE },
    turn = { type = "integer", min = 1 },
  },
}, function(data, msg)
  local battle, side = seat(data.battleId, msg)
  if (data.move == nil) == (data.switchTo == nil) then
    refuse("INVALID_DATA", "either move or switchTo is needed", "send one of them")
  elseif data.turn and battle.status == "ACTIVE" and data.turn ~= battle.turn then
    refuse("WRONG_TURN", "this is turn " .. battle.turn .. ", not " .. data.turn, "GET_BATTLE shows the turn")
  end
  local choice = data.move or ">" .. math.tointeger(data.switchTo)
  local done = must(book.submit(state, battle, side, choice, fleet.now(msg)))
  local shown = told(battle, side, msg)
  shown.resolved, shown.submittedTurn = done.resolved, done.turn
  return shown
end)

fleet.on("FORFEIT", { who = "anyone", once = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle, side = seat(data.battleId, msg)
  must(book.forfeit(state, battle, side, fleet.now(msg)))
  return told(battle, side, msg)
end)

fleet.on("CLAIM_TIMEOUT", { who = "anyone", once = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle, side = seat(data.battleId, msg)
  local limit = tonumber(fleet.config("ENVIRONMENT_VARS", "MOVE_TIME_MS", nil)) or MOVE_TIME
  must(book.expire(state, battle, side, fleet.now(msg), limit))
  return told(battle, side, msg)
end)

fleet.on("GET_BATTLE", { who = "anyone", readonly = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle = find(data.battleId)
  return view.battle(book.unfold(battle), book.side(battle, fleet.player(msg)))
end)

fleet.on("LIST_BATTLES", { who = "anyone", readonly = true }, function(_, msg)
  local player, list = fleet.player(msg), {}
  for _, battle in pairs(state.battles) do
    if book.side(battle, player) then
      list[#list + 1] = view.outcome(battle)
    end
  end
  table.sort(list, function(a, b)
    return a.battleId < b.battleId
  end)
  return { battles = list, count = #list }
end)

fleet.on("REPLAY_BATTLE", { who = "anyone", readonly = true, schema = { battleId = BATTLE } }, function(data)
  local battle = find(data.battleId)
  if battle.status ~= "FINISHED" then
    refuse("BATTLE_OPEN", "a battle is replayed when it is over", "finish it first")
  end
  battle = book.unfold(battle)
  local digest = book.digest(book.replay(battle), battle.ending)
  return {
    battleId = battle.id, seed = battle.seed, teams = battle.teams, moves = battle.history, ending = battle.ending,
    digest = battle.digest, replayDigest = digest, equal = digest == battle.digest,
  }
end)

-- The formula alone: what one hit would do, for a given roll (or for all of them) and without stages.
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
      refuse("BAD_TEAM", name .. ": " .. problem, "correct it")
    end
    pair[i] = team.copy({ data[name] })[1]
    pair[i].stages = {}
  end
  local move = moves.get(data.move)
  if not move or move.power == 0 then
    refuse("UNKNOWN_MOVE", "there is no damaging move " .. data.move, "name one that deals damage")
  end
  local rolls, quarters = {}, nil
  for roll = damage.LOWEST_ROLL, damage.HIGHEST_ROLL do
    rolls[#rolls + 1], quarters = damage.of(pair[1], pair[2], move, data.critical == true, roll)
  end
  return { rolls = rolls, least = rolls[1], most = rolls[#rolls], effectiveness = quarters / 4, move = move }
end)

settlement.install(state, find)

fleet.invariant("battles-are-whole", function()
  return book.consistent(state)
end)

fleet.check("dice", "READINESS", function()
  return book.selfTest()
end)
