--- The finished battles: the state's member `finished` lists their ids, oldest first.
local archive = {}

--- The number of finished battles that are kept in any case, and of those that are kept as well because they owe a prize or experience.
archive.KEEP, archive.KEEP_OWED = 200, 1000

local function isOwed(battle)
  local prize, experience = battle.prize.status, battle.experience and battle.experience.status
  return prize == "OPEN" or prize == "CLAIMED" or experience == "PENDING" or experience == "FAILED"
end

-- The place of the oldest battle of the player who has most of a kind.
local function oldestOfMost(state, owed)
  local each, most, at = {}, 0, nil
  local function ownerOf(id)
    local battle = state.battles[id]
    return isOwed(battle) == owed and (battle.winner or battle.players[1]) or nil
  end
  for _, id in ipairs(state.finished) do
    local owner = ownerOf(id)
    if owner then each[owner] = (each[owner] or 0) + 1 end
  end
  for place, id in ipairs(state.finished) do
    local owner = ownerOf(id)
    if owner and each[owner] > most then
      most, at = each[owner], place
    end
  end
  return at
end

-- Which finished battle to remove: one that owes nothing, if there are too many of these, else one that does; in either case the oldest of the
-- player who has most of them. So strangers' battles push out neither a prize that somebody else has not claimed yet nor their only replay.
local function surplus(state)
  local owed = 0
  for _, id in ipairs(state.finished) do
    if isOwed(state.battles[id]) then owed = owed + 1 end
  end
  if #state.finished - owed > archive.KEEP then return oldestOfMost(state, false) end
  return owed > archive.KEEP_OWED and oldestOfMost(state, true) or nil
end

--- Removes a finished battle if there are too many; called after each that is added.
--- @param state table
function archive.trim(state)
  local place = surplus(state)
  if place then
    state.battles[table.remove(state.finished, place)] = nil
  end
end

return archive
