--- The open battles, which are limited: who may open another one, and which are ended for others when there are too many.
local challenges = require("challenges")
local rounds = require("rounds")

local hall = {}

--- The number of open battles, and of those of one player.
hall.MAX_OPEN, hall.MAX_OPEN_EACH = 1000, 8
--- Battles that nobody has continued for this many time limits of a move are ended by the next challenge or acceptance.
hall.IDLE_LIMITS = 6
--- Ms without a move after which a battle may be ended for another player, if all places are taken: as a draw. A ranked one in which one player waits for
-- the other has the whole time of a move, unless more than half of the places have it, and the one who waits wins: otherwise whoever is losing would
-- stay silent while others take all places.
hall.IDLE = 60000
--- The most battles that one message ends.
local MOST_ENDED = 5

-- The open battles: count, player → count.
local function count(state)
  local all, each = 0, {}
  for _, battle in pairs(state.battles) do
    if battle.status == "ACTIVE" then
      all = all + 1
      for _, player in ipairs(battle.players) do
        each[player] = (each[player] or 0) + 1
      end
    end
  end
  return all, each
end

local function tooMany(each, player, whose)
  if (each[player] or 0) >= hall.MAX_OPEN_EACH then
    return nil, "TOO_MANY_BATTLES", whose .. each[player] .. " open battles", "finish or forfeit one first"
  end
  return true
end

--- Whether a player may challenge another.
--- @param state table
--- @param player string
--- @param id string of the battle
--- @param now integer scheduler time, ms
--- @return boolean? true
function hall.mayChallenge(state, player, id, now)
  if state.battles[id] or challenges.find(state, id, now) then
    return nil, "BATTLE_EXISTS", "the battle " .. id .. " already exists", "choose another battleId or omit it"
  end
  local _, each = count(state)
  local ok, code, message, remedy = tooMany(each, player, "you have ")
  if not ok then
    return nil, code, message, remedy
  end
  return challenges.mayMake(state, player, now)
end

-- Until when a player of a ranked battle waits for the other, and who that is. One that is of an earlier version may be a battle that the other never
-- agreed to.
local function waitsUntil(battle, limit)
  if not battle.ranked or not (battle.accepted or battle.turn > 1) then
    return nil
  end
  local waits, side = rounds.waitsUntil(battle, limit)
  return waits, battle.players[side]
end

-- Keeps the battle that is ended first: of the player with the most, and of several the one that has waited longest.
local function keep(first, battle, own)
  local found = first.battle
  local longer = found and (battle.movedAt < found.movedAt or battle.movedAt == found.movedAt and battle.id < found.id)
  if own > first.own or own == first.own and longer then
    first.battle, first.own = battle, own
  end
end

-- The battle that has waited longest among those of the player with the most, if that player has clearly more than `player`. Whoever has none
-- ends one in any case: otherwise as many wallets with one battle each as there are places would keep everybody else out. For the same reason, no more
-- than half of the places have the whole time of a move; beyond that, the player whom most battles wait for loses one.
local function toEnd(state, each, player, now, limit)
  local least = each[player] and each[player] + 1 or 0
  local idle, waiting, count = { own = least }, { own = least }, 0
  for _, battle in pairs(state.battles) do
    if battle.status == "ACTIVE" and now - battle.movedAt >= hall.IDLE then
      local waits, late = waitsUntil(battle, limit)
      if waits and now <= waits then
        count = count + 1
        keep(waiting, battle, each[late])
      else
        keep(idle, battle, math.max(each[battle.players[1]], each[battle.players[2]]))
      end
    end
  end
  return idle.battle or count > hall.MAX_OPEN // 2 and waiting.battle or nil
end

--- Makes room for a battle between two players, or refuses.
--- @param state table
--- @param players string[] the challenger and the one who accepts
--- @param now integer scheduler time, ms
--- @param limit integer ms that a player has for a move
--- @return table? the battles that were ended for it
function hall.makeRoom(state, players, now, limit)
  local all, each = count(state)
  for place, whose in ipairs({ "the challenger has ", "you have " }) do
    local ok, code, message, remedy = tooMany(each, players[place], whose)
    if not ok then
      return nil, code, message, remedy
    end
  end
  if all < hall.MAX_OPEN then
    return {}
  end
  local idle = toEnd(state, each, players[2], now, limit)
  if not idle then
    return nil, "BUSY", all .. " battles are open", "try again later"
  end
  rounds.abandon(state, idle, now, waitsUntil(idle, limit) == nil)
  return { idle }
end

--- Ends battles that nobody continues.
--- @param state table
--- @param now integer scheduler time, ms
--- @param limit integer ms that a player has for a move
--- @return table[] the battles that were ended
function hall.sweep(state, now, limit)
  local ended = {}
  for _, battle in pairs(state.battles) do
    if battle.status == "ACTIVE" and now - battle.movedAt >= hall.IDLE_LIMITS * limit then
      ended[#ended + 1] = battle
    end
  end
  table.sort(ended, function(a, b)
    return a.movedAt < b.movedAt or a.movedAt == b.movedAt and a.id < b.id
  end)
  ended = table.move(ended, 1, math.min(#ended, MOST_ENDED), 1, {})
  for _, battle in ipairs(ended) do
    rounds.abandon(state, battle, now)
  end
  return ended
end

return hall
