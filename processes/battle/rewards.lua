--- The rewards of a won battle.
local rewards = {}

--- Experience for each of the winner's fighters that took part and have not fainted.
-- A fainted opponent gives base × level / 7, times 1.5 because a trainer owned it, divided among those fighters.
--- @param battle table a finished battle
--- @return table[] awards { pokemonId, amount }
function rewards.experience(battle)
  local winner = battle.arena.winner
  if winner ~= 1 and winner ~= 2 then
    return {}
  end
  local loser = 3 - winner
  local total = 0
  for place, fighter in ipairs(battle.arena.sides[loser].team) do
    if fighter.hp <= 0 then
      total = total + (battle.teams[loser][place].baseExperience or 50) * fighter.level // 7
    end
  end
  local sharers = {}
  local side = battle.arena.sides[winner]
  for place, fighter in ipairs(side.team) do
    local id = battle.teams[winner][place].pokemonId
    if id and side.seen[place] and fighter.hp > 0 then
      sharers[#sharers + 1] = id
    end
  end
  local awards = {}
  local share = total * 3 // 2 // math.max(1, #sharers)
  for _, id in ipairs(sharers) do
    if share > 0 then
      awards[#awards + 1] = { pokemonId = id, amount = share }
    end
  end
  return awards
end

--- Prize money: 40 for each level of the loser's strongest fighter that fainted.
--- @param battle table a finished battle
--- @return integer 0 if none fainted, so that a quick surrender earns nothing
function rewards.prize(battle)
  local winner = battle.arena.winner
  local highest = 0
  if winner == 1 or winner == 2 then
    for _, fighter in ipairs(battle.arena.sides[3 - winner].team) do
      if fighter.hp <= 0 then
        highest = math.max(highest, fighter.level)
      end
    end
  end
  return 40 * highest
end

return rewards
