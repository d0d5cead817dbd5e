--- The finished battles: the state's member `finished` lists their ids, oldest first.
local archive = {}

--- The number of finished battles that are kept in any case, and of those with an unpaid prize that are kept as well.
archive.KEEP, archive.KEEP_OWED = 200, 1000

local function isOwed(battle)
  return battle.prize.status == "OPEN" or battle.prize.status == "CLAIMED"
end

-- Which finished battle to remove: the oldest without an unpaid prize; if only those with one are too many, the oldest of the player
-- who has won the most of them. So strangers' battles do not push out a prize that somebody else has not claimed yet.
local function surplus(state)
  local owed, each, plain = 0, {}, nil
  for place, id in ipairs(state.finished) do
    local battle = state.battles[id]
    if isOwed(battle) then
      owed, each[battle.winner] = owed + 1, (each[battle.winner] or 0) + 1
    else
      plain = plain or place
    end
  end
  if #state.finished - owed > archive.KEEP then
    return plain
  elseif owed <= archive.KEEP_OWED then
    return nil
  end
  local most, at = 0, nil
  for place, id in ipairs(state.finished) do
    local battle = state.battles[id]
    local count = isOwed(battle) and each[battle.winner] or 0
    if count > most then
      most, at = count, place
    end
  end
  return at
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
