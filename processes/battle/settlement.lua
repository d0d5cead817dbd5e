--- The settlement of a finished battle: experience from the pokemon process, a report to security, the prize.
-- Each part carries the battle's id, so a repetition has no second effect.
local fleet = require("fleet")
local caller = require("caller")

local settlement = {}

local state

--- Ms after which an unanswered request may be repeated.
local RETRY_AFTER = 60000

local BATTLE = { type = "string", required = true, maxLength = 64 }

-- The battle ends even if the other processes cannot be reached: a call that cannot be sent counts as failed.
local function ask(peer, action, data, continuation)
  local ok, raised = pcall(fleet.call, peer, action, data, continuation)
  if not ok and fleet.isFailure(raised) then
    continuation({ success = false, error = raised })
  elseif not ok then
    error(raised, 0)
  end
end

local function award(battle)
  local id = battle.id
  ask("pokemon", "GAIN_EXPERIENCE", {
    awardId = "battle/" .. id, awards = battle.experience.awards,
  }, function(reply)
    local kept = state.battles[id]
    if kept then
      kept.experience.status = reply.success and "GRANTED" or "FAILED"
      kept.experience.reason = not reply.success and reply.error.code or nil
    end
  end)
end

local function report(battle)
  ask("security", "VALIDATE_ACTION", {
    action = "BATTLE_RESULT",
    playerId = battle.winner or battle.players[1],
    data = {
      battleId = battle.id, players = battle.players, winner = battle.winner, ranked = battle.ranked,
      turns = battle.turn, durationMs = battle.finishedAt - battle.startedAt, digest = battle.digest,
    },
  }, function(reply)
    local kept = state.battles[battle.id]
    if kept then
      kept.reported = reply.success and reply.verdict or reply.error.code
    end
  end)
end

--- Starts the open parts of a settlement. A part in progress is requested again only after a minute.
--- @param id string
--- @param now integer scheduler time, ms
function settlement.begin(id, now)
  local battle = state.battles[id]
  local owed = battle.experience
  if owed.status == "FAILED" or (owed.status == "PENDING" and now - (owed.askedAt or -RETRY_AFTER) >= RETRY_AFTER) then
    owed.status, owed.askedAt = "PENDING", now
    award(battle)
  end
  if battle.ranked and (not battle.reported or battle.reported == "TIMEOUT") then
    battle.reported = "PENDING"
    report(battle)
  end
end

local function prizeOf(find, data)
  local battle = find(data.battleId)
  if battle.status ~= "FINISHED" then
    error(fleet.fail("BATTLE_OPEN", "the battle is not finished", "finish the battle first"))
  elseif battle.winner ~= data.player then
    error(fleet.fail("NOT_THE_WINNER", "the prize belongs to the winner", "request it on behalf of the winner"))
  elseif battle.reported == "DENY" then
    error(fleet.fail("PRIZE_DENIED", "security denied this battle's result", "ask a deployer; security's SECURITY_AUDIT has the reason"))
  elseif battle.prize.status == "NONE" then
    error(fleet.fail("NO_PRIZE", "this battle earns no prize", "only ranked battles with fainted opponents earn one"))
  end
  return battle.prize
end

--- Declares the actions.
--- @param battles table the state of book.lua
--- @param find function id → battle, or a typed error
function settlement.install(battles, find)
  state = battles

  fleet.on("SETTLE_BATTLE", { who = "anyone", schema = { battleId = BATTLE } }, function(data, msg)
    local battle = find(data.battleId)
    if battle.status ~= "FINISHED" then
      error(fleet.fail("BATTLE_OPEN", "this battle is not finished", "finish it first"))
    end
    settlement.begin(battle.id, fleet.now(msg))
    return { battleId = battle.id, experience = battle.experience, prize = battle.prize, reported = battle.reported }
  end)

  local CLAIM = { battleId = BATTLE, player = { type = "string", required = true, maxLength = 128 } }

  -- OPEN → CLAIMED → PAID, by the coordinator's workflow; CLAIMED may be claimed again, since payment is idempotent.
  fleet.on("CLAIM_PRIZE", { who = caller.isService, schema = CLAIM }, function(data)
    local prize = prizeOf(find, data)
    if prize.status == "PAID" then
      error(fleet.fail("PRIZE_PAID", "this prize has already been paid", "no action is needed"))
    end
    prize.status = "CLAIMED"
    return { battleId = data.battleId, amount = prize.amount }
  end)

  fleet.on("RELEASE_PRIZE", { who = caller.isService, schema = CLAIM }, function(data)
    -- Succeeds also if there is no claim to release.
    local battle = battles.battles[data.battleId]
    local prize = battle and battle.winner == data.player and battle.prize or { status = "NONE" }
    if prize.status == "CLAIMED" then
      prize.status = "OPEN"
    end
    return { battleId = data.battleId, status = prize.status }
  end)

  fleet.on("SETTLE_PRIZE", { who = caller.isService, schema = CLAIM }, function(data)
    local prize = prizeOf(find, data)
    prize.status = "PAID"
    return { battleId = data.battleId, amount = prize.amount, status = prize.status }
  end)
end

return settlement
