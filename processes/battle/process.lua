--- Turn-based battles between two players. Anybody can replay a finished battle.
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

--- The time limit of a move in ms; ENVIRONMENT_VARS.MOVE_TIME_MS overrides it.
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
    refuse("UNKNOWN_BATTLE", "there is no battle " .. id, "use the battleId that START_BATTLE returned")
  end
  return battle
end

--- A battle and the sender's side in it.
local function seat(id, msg)
  local battle = find(id)
  local side = book.side(battle, fleet.player(msg))
  if not side then
    refuse("NOT_YOUR_BATTLE", "only the two players of a battle may do this", "GET_BATTLE shows the players")
  end
  return battle, side
end

--- Checks the limits again before opening: other battles may have started while the teams were fetched.
local function open(request)
  local ok, code, message, remedy = book.mayStart(state, request.players[1], request.id)
  if not ok then
    return nil, code, message, remedy
  end
  return view.battle(book.unfold(book.start(state, request)), 1)
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
  request.teams = teams
  return must(open(request))
end

local function startRanked(request, msg)
  request.ranked = true
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
    refuse("SELF_BATTLE", "you cannot fight yourself", "choose another opponent")
  end
  local request = {
    id = data.battleId or "battle-" .. msg.Id,
    players = { player, data.opponent },
    ranked = false,
    now = fleet.now(msg),
  }
  must(book.mayStart(state, player, request.id))
  if data.team or data.opponentTeam then
    return startFriendly(request, data)
  end
  return startRanked(request, msg)
end)

--- The view after a change; a battle that has just ended is settled with the other processes.
local function viewAfterChange(battle, side, msg)
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
    refuse("INVALID_DATA", "either move or switchTo is required", "send one of them")
  elseif data.turn and battle.status == "ACTIVE" and data.turn ~= battle.turn then
    refuse("WRONG_TURN", "this is turn " .. battle.turn .. ", not " .. data.turn, "GET_BATTLE shows the turn")
  end
  local choice = data.move or ">" .. math.tointeger(data.switchTo)
  local done = must(book.submit(state, battle, side, choice, fleet.now(msg)))
  local shown = viewAfterChange(battle, side, msg)
  shown.resolved, shown.submittedTurn = done.resolved, done.turn
  return shown
end)

fleet.on("FORFEIT", { who = "anyone", once = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle, side = seat(data.battleId, msg)
  must(book.forfeit(state, battle, side, fleet.now(msg)))
  return viewAfterChange(battle, side, msg)
end)

fleet.on("CLAIM_TIMEOUT", { who = "anyone", once = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle, side = seat(data.battleId, msg)
  local limit = tonumber(fleet.config("ENVIRONMENT_VARS", "MOVE_TIME_MS", nil)) or MOVE_TIME
  must(book.expire(state, battle, side, fleet.now(msg), limit))
  return viewAfterChange(battle, side, msg)
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

settlement.install(state, find)

fleet.invariant("battles-are-whole", function()
  return book.consistent(state)
end)

fleet.check("dice", "READINESS", function()
  return book.selfTest()
end)
