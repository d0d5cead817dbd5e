--- Sealed turns: both players first send a hash of their choice and of a secret, then both show them. So nobody knows the other's choice
-- or the dice of a turn before both are bound: messages and states are public on AO, so hiding a choice in a view hides nothing.
-- Plain functions on a battle's members `seals` (side → hash), `shown` (side → { choice, secret }) and `revealBy` (scheduler time, ms).
local sha256 = require("fleet.sha256")

local seal = {}

--- The hash that a player sends: sha256 in hex of `battleId/turn/address/choice/secret`. It names turn and player, so that another's hash
-- cannot be sent as one's own.
--- @param battle table
--- @param side integer
--- @param choice string as in turn.lua
--- @param secret string
--- @return string
function seal.of(battle, side, choice, secret)
  return sha256(table.concat({ battle.id, string.format("%d", battle.turn), battle.players[side], choice, secret }, "/"))
end

--- What the dice of a turn start from.
--- @param battle table
--- @param number integer turn
--- @param secrets string[] of both sides
--- @return string
function seal.dice(battle, number, secrets)
  return sha256(table.concat({ "dice", battle.id, string.format("%d", number), secrets[1], secrets[2] }, "/"))
end

--- What both players must do now.
--- @param battle table
--- @return string "COMMIT" or "REVEAL"
function seal.phase(battle)
  return battle.seals["1"] and battle.seals["2"] and "REVEAL" or "COMMIT"
end

--- Starts a turn.
--- @param battle table changed in place
function seal.clear(battle)
  battle.seals, battle.shown, battle.revealBy = {}, {}, nil
end

--- Takes a player's hash. The time in which both must show their choices begins with the second.
--- @param battle table
--- @param side integer
--- @param hash string
--- @param now integer scheduler time, ms
--- @param limit integer ms
--- @return boolean? true
function seal.commit(battle, side, hash, now, limit)
  if battle.seals[tostring(side)] then
    return nil, "ALREADY_MOVED", "you have already committed to a choice for turn " .. battle.turn,
      seal.phase(battle) == "REVEAL" and "send REVEAL_MOVE" or "wait for your opponent"
  end
  battle.seals[tostring(side)] = hash
  battle.movedAt = now
  if seal.phase(battle) == "REVEAL" then
    battle.revealBy = now + limit
  end
  return true
end

--- Whether a player may show this choice now.
--- @param battle table
--- @param side integer
--- @param choice string
--- @param secret string
--- @return boolean? true
function seal.mayShow(battle, side, choice, secret)
  if seal.phase(battle) ~= "REVEAL" then
    return nil, "NOT_COMMITTED", "both players must commit before one shows a choice", "send SUBMIT_MOVE with commit, or wait for your opponent"
  elseif battle.shown[tostring(side)] then
    return nil, "ALREADY_MOVED", "you have already shown your choice for turn " .. battle.turn, "wait for your opponent"
  elseif seal.of(battle, side, choice, secret) ~= battle.seals[tostring(side)] then
    return nil, "WRONG_SEAL", "this is not what you committed to", "the commit is sha256 of battleId/turn/address/choice/secret"
  end
  return true
end

--- Records what a player has shown.
--- @param battle table
--- @param side integer
--- @param choice string
--- @param secret string
--- @return boolean whether both have shown theirs
function seal.show(battle, side, choice, secret)
  battle.shown[tostring(side)] = { choice = choice, secret = secret }
  return battle.shown[tostring(3 - side)] ~= nil
end

return seal
