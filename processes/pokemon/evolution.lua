--- What a pokemon may become, and becoming it.
local dex = require("species")
local growth = require("growth")

local evolution = {}

--- The evolution that is possible now.
--- @param pokemon table
--- @param item string? the stone to be used; without one only levels count
--- @return table? { level?, item?, into }, or nil, code, message, remedy
function evolution.possible(pokemon, item)
  local ways = dex.get(pokemon.species).evolutions
  if #ways == 0 then
    return nil, "CANNOT_EVOLVE", pokemon.species .. " does not evolve", "nothing needs to be done"
  end
  local wanted = {}
  for _, way in ipairs(ways) do
    if item and way.item == item then
      return way
    elseif not item and way.level then
      local level = growth.levelOf(pokemon.experience)
      if level >= way.level then
        return way
      end
      return nil, "LEVEL_TOO_LOW", pokemon.species .. " evolves at level " .. way.level .. " and is at " .. level, "gain experience first"
    end
    wanted[#wanted + 1] = way.item or ("level " .. way.level)
  end
  return nil, "WRONG_ITEM", pokemon.species .. " does not evolve this way", "needs: " .. table.concat(wanted, " or ")
end

--- Turns the pokemon into its next form; moves, experience, values and effort stay.
--- @param pokemon table changed in place
--- @param into string
--- @return table { pokemonId, from, species }
function evolution.apply(pokemon, into)
  local from = pokemon.species
  pokemon.species = into
  pokemon.evolving = nil
  return { pokemonId = pokemon.id, from = from, species = into }
end

return evolution
