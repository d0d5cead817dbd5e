--- The settlement of a finished battle: experience from the pokemon process, a report to security, the prize.
-- Each part carries the battle's id, so a repetition has no second effect. A prize is claimed only with a verdict that security gives at
-- that time: without one, which may be because somebody floods security, the prize is kept, and can be claimed later.
local fleet = require("fleet")
local caller = require("caller")
local pairings = require("pairings")

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
    awardId = "battle/" .. (battle.awardId or id), at = battle.finishedAt, awards = battle.experience.awards,
  }, function(reply)
    local kept = state.battles[id]
    if kept then
      kept.experience.status = reply.success and "GRANTED" or "FAILED"
      kept.experience.reason = not reply.success and reply.error.code or nil
      -- So many others came first that nobody knows whether it was given. Asking again would not help.
      for _, each in ipairs(reply.success and type(reply.results) == "table" and reply.results or {}) do
        if each.tooOld then
          kept.experience.status, kept.experience.reason = "UNKNOWN", "TOO_OLD"
        end
      end
    end
  end)
end

--- Verdicts that security does not take back by itself; anything else is not known yet.
local VERDICTS = { ALLOW = true, REVIEW = true, DENY = true }

-- The question whether the winner's result is allowed.
local function question(battle)
  return {
    action = "BATTLE_RESULT",
    playerId = battle.winner or battle.players[1],
    data = {
      battleId = battle.id, players = battle.players, winner = battle.winner, ranked = battle.ranked,
      turns = battle.turn, durationMs = battle.finishedAt - battle.startedAt, digest = battle.digest,
    },
  }
end

-- The verdict in a reply, or its error. A verdict on somebody else is none: security judges the sender if it does not know it as a peer.
local function verdictIn(reply, player)
  if not reply.success then
    return reply.error.code
  end
  return reply.playerId == player and VERDICTS[reply.verdict] and reply.verdict or "NO_VERDICT"
end

local function report(battle)
  local asked = question(battle)
  ask("security", "VALIDATE_ACTION", asked, function(reply)
    local kept = state.battles[battle.id]
    if kept then
      kept.reported = verdictIn(reply, asked.playerId)
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
  if battle.ranked and not VERDICTS[battle.reported] and now - (battle.reportedAt or -RETRY_AFTER) >= RETRY_AFTER then
    battle.reported, battle.reportedAt = "PENDING", now
    report(battle)
  end
end

local function prizeOf(find, data, msg)
  local battle = find(data.battleId, msg)
  if battle.status ~= "FINISHED" then
    error(fleet.fail("BATTLE_OPEN", "the battle is not finished", "finish the battle first"))
  elseif battle.winner ~= data.player then
    error(fleet.fail("NOT_THE_WINNER", "the prize belongs to the winner", "request it on behalf of the winner"))
  elseif battle.prize.status == "NONE" then
    error(fleet.fail("NO_PRIZE", "this battle earns no prize", "only ranked battles with fainted opponents earn one"))
  end
  return battle.prize, battle
end

-- Takes a claim whose verdict has arrived. The prize may have been claimed or paid in the meantime. A prize of several claims is released by
-- none of them: another one may have been paid.
local function claim(battle, verdict, claimId, now)
  local prize = battle.prize
  if verdict == "DENY" then
    return nil, "PRIZE_DENIED", "security denied this battle's result", "ask a deployer; security's SECURITY_AUDIT has the reason"
  elseif verdict ~= "ALLOW" and verdict ~= "REVIEW" then
    return nil, "VERDICT_UNKNOWN", "security gave no verdict on this battle: " .. verdict, "the prize is kept: claim it again later"
  elseif prize.status == "PAID" then
    return nil, "PRIZE_PAID", "this prize has already been paid", "no action is needed"
  elseif prize.status == "CLAIMED" and prize.id and not claimId then
    return nil, "CLAIM_OUTDATED", "this prize was claimed through a later version of the coordinator, which may have paid it",
      "claim it again when that version is deployed again"
  elseif prize.status == "CLAIMED" then
    prize.claimId = prize.claimId == claimId and claimId
    return { battleId = battle.id, amount = prize.claimed or prize.amount, prizeId = prize.id }
  end
  local amount, halved = pairings.worth(state, battle, now)
  if amount == 0 then
    return nil, "PRIZE_WORN", "these two players have earned " .. halved .. " prizes from each other lately, which leaves nothing of this one",
      "fight other players; the prize grows again by one step a week"
  end
  pairings.take(state, battle, now)
  prize.status, prize.claimed, prize.claimId = "CLAIMED", amount, claimId
  -- A coordinator of an earlier version pays by the battle's id.
  prize.id = claimId and battle.awardId or nil
  return { battleId = battle.id, amount = amount, prizeId = prize.id }
end

-- Answers the claim when security has answered, or has not in time.
local function askFirst(battle, claimId, msg)
  local id, asked = battle.id, question(battle)
  fleet.later(msg)
  fleet.call("security", "VALIDATE_ACTION", asked, function(reply)
    local kept, result, code, message, remedy = state.battles[id], nil, nil, nil, nil
    if kept then
      local verdict = verdictIn(reply, asked.playerId)
      kept.reported = verdict
      result, code, message, remedy = claim(kept, verdict, claimId, fleet.now())
    else
      code, message, remedy = "UNKNOWN_BATTLE", "there is no battle " .. id .. " any more", "no action is possible"
    end
    if result then
      fleet.reply(msg, result)
    else
      fleet.replyError(msg, code, message, remedy)
    end
  end)
  return nil
end

--- Declares the actions.
--- @param battles table the state of book.lua
--- @param find function id → battle, or a typed error
function settlement.install(battles, find)
  state = battles

  fleet.on("SETTLE_BATTLE", { who = "anyone", schema = { battleId = BATTLE } }, function(data, msg)
    local battle = find(data.battleId, msg)
    if battle.status ~= "FINISHED" then
      error(fleet.fail("BATTLE_OPEN", "this battle is not finished", "finish it first"))
    end
    settlement.begin(battle.id, fleet.now(msg))
    return { battleId = battle.id, experience = battle.experience, prize = battle.prize, reported = battle.reported }
  end)

  -- claimId: whose claim it is, so that one claim does not release that of another.
  local CLAIM = {
    battleId = BATTLE, player = { type = "string", required = true, maxLength = 128 }, claimId = { type = "string", maxLength = 128 },
  }

  -- OPEN → CLAIMED → PAID, by the coordinator's workflow; CLAIMED may be claimed again, since payment is idempotent.
  fleet.on("CLAIM_PRIZE", { who = caller.isService, schema = CLAIM }, function(data, msg)
    local prize, battle = prizeOf(find, data, msg)
    if prize.status == "PAID" then
      error(fleet.fail("PRIZE_PAID", "this prize has already been paid", "no action is needed"))
    end
    return askFirst(battle, data.claimId, msg)
  end)

  fleet.on("RELEASE_PRIZE", { who = caller.isService, schema = CLAIM }, function(data)
    -- Succeeds also if there is no claim to release.
    local battle = battles.battles[data.battleId]
    local prize = battle and battle.status == "FINISHED" and battle.winner == data.player and battle.prize or { status = "NONE" }
    if prize.status == "CLAIMED" and prize.claimId == data.claimId then
      prize.status, prize.claimed, prize.claimId, prize.id = "OPEN", nil, nil, nil
      pairings.giveBack(state, battle)
    end
    return { battleId = data.battleId, status = prize.status }
  end)

  -- Only a claim can be paid: the verdict was asked for when it was made.
  fleet.on("SETTLE_PRIZE", { who = caller.isService, schema = CLAIM }, function(data, msg)
    local prize, battle = prizeOf(find, data, msg)
    if prize.status == "OPEN" then
      error(fleet.fail("NOT_CLAIMED", "this prize is not claimed", "send CLAIM_PRIZE first"))
    end
    prize.status = "PAID"
    pairings.pay(state, battle, fleet.now(msg))
    return { battleId = data.battleId, amount = prize.claimed or prize.amount, status = prize.status }
  end)
end

return settlement
