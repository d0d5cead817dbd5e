--- What the two players of a battle do.
local fleet = require("fleet")
local challenges = require("challenges")
local desk = require("desk")
local enforce = require("enforce")
local opening = require("opening")
local rounds = require("rounds")
local team = require("team")
local view = require("view")

local state, refuse, must = desk.state, desk.refuse, desk.must
local BATTLE, MOVE = desk.BATTLE, { type = "string", maxLength = 32 }
local SWITCH, TURN = { type = "integer", min = 1, max = team.SIZE }, { type = "integer", min = 1 }

local function checkTurn(battle, number)
  if number and battle.status ~= "FINISHED" and number ~= battle.turn then
    refuse("WRONG_TURN", "this is turn " .. battle.turn .. ", not " .. number, "GET_BATTLE shows the turn")
  end
end

local function answer(battle, side, done, msg)
  local shown = desk.viewAfterChange(battle, side, msg)
  shown.resolved, shown.submittedTurn, shown.late = done.resolved, done.turn, done.late
  return shown
end

-- A choice, or in a sealed battle the hash of one. In a challenge, the challenger's is kept, and that of the other accepts.
fleet.on("SUBMIT_MOVE", {
  who = "anyone",
  once = true,
  schema = {
    battleId = BATTLE, move = MOVE, switchTo = SWITCH, turn = TURN,
    commit = { type = "string", minLength = 64, maxLength = 64, pattern = "^[0-9a-f]+$" },
  },
}, function(data, msg)
  enforce.check(msg)
  local battle, side = desk.seat(data.battleId, msg)
  local isSealed = battle.mode == "SEALED"
  if isSealed and not data.commit and battle.status ~= "FINISHED" then
    refuse("COMMIT_REQUIRED", "in a sealed battle both players commit to a choice before either shows it",
      "send commit = sha256 in hex of battleId/turn/your address/choice/secret, then REVEAL_MOVE with choice and secret")
  elseif data.commit and not isSealed then
    refuse("INVALID_DATA", "this battle is open: it takes no commit", "send move or switchTo")
  end
  local choice = not isSealed and desk.choice(data)
  checkTurn(battle, data.turn)
  if battle.status == "CHALLENGED" and side == 2 then
    opening.accept(battle, msg)
  end
  local now, done = fleet.now(msg), nil
  if isSealed then
    done = must(rounds.commit(battle, side, data.commit, now, desk.limit()))
  else
    done = must(rounds.submit(state, battle, side, choice, now))
  end
  return answer(battle, side, done, msg)
end)

fleet.on("REVEAL_MOVE", {
  who = "anyone",
  once = true,
  schema = {
    battleId = BATTLE, move = MOVE, switchTo = SWITCH, turn = TURN,
    secret = { type = "string", required = true, minLength = 16, maxLength = 43, pattern = "^[%w_%-]+$" },
  },
}, function(data, msg)
  enforce.check(msg)
  local battle, side = desk.seat(data.battleId, msg)
  if battle.mode ~= "SEALED" then
    refuse("INVALID_DATA", "this battle is open: nothing is committed", "send SUBMIT_MOVE with the choice")
  end
  local choice = desk.choice(data)
  checkTurn(battle, data.turn)
  return answer(battle, side, must(rounds.reveal(state, battle, side, choice, data.secret, fleet.now(msg))), msg)
end)

-- Ends a challenge: it leaves nothing behind.
local function drop(challenge, kind)
  state.challenges[challenge.id] = nil
  challenge.status, challenge.ending = "FINISHED", { kind = kind }
  return view.outcome(challenge)
end

-- Also open to banned players: it only ends their battles.
fleet.on("FORFEIT", { who = "anyone", once = true, schema = { battleId = BATTLE } }, function(data, msg)
  local battle, side = desk.seat(data.battleId, msg)
  if battle.status == "CHALLENGED" then
    return drop(battle, side == 1 and "WITHDRAWN" or "DECLINED")
  end
  must(rounds.forfeit(state, battle, side, fleet.now(msg)))
  return desk.viewAfterChange(battle, side, msg)
end)

fleet.on("CLAIM_TIMEOUT", { who = "anyone", once = true, schema = { battleId = BATTLE } }, function(data, msg)
  enforce.check(msg)
  local now = fleet.now(msg)
  local challenge = (state.challenges or {})[data.battleId]
  local side = challenge and (challenge.players[1] == fleet.player(msg) or challenge.players[2] == fleet.player(msg))
  if challenge and side then
    local left = challenges.left(challenge, now)
    if left > 0 then
      refuse("TOO_EARLY", "this challenge can be accepted for another " .. left .. " ms", "wait, or FORFEIT it")
    end
    return drop(challenge, "ABANDONED")
  end
  local battle, place = desk.seat(data.battleId, msg)
  must(rounds.expire(state, battle, place, now, desk.limit()))
  return desk.viewAfterChange(battle, place, msg)
end)
