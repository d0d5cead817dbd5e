--- Evolution: what is possible, and carrying it out.
local dex = require("species")
local growth = require("growth")

local evolution = {}

--- The evolution that is possible now.
--- @param pokemon table
--- @param item string? the stone to use; without one only levels count
--- @return table? { level?, item?, into }, or nil, code, message, remedy
function evolution.possible(pokemon, item)
  local options = dex.get(pokemon.species).evolutions
  if #options == 0 then
    return nil, "CANNOT_EVOLVE", pokemon.species .. " does not evolve", "no action is needed"
  end
  local wanted = {}
  for _, option in ipairs(options) do
    if item and option.item == item then
      return option
    elseif not item and option.level then
      local level = growth.levelOf(pokemon.experience)
      if level >= option.level then
        return option
      end
      return nil, "LEVEL_TOO_LOW", pokemon.species .. " evolves at level " .. option.level .. " and is at " .. level, "gain experience first"
    end
    wanted[#wanted + 1] = option.item or ("level " .. option.level)
  end
  return nil, "WRONG_ITEM", pokemon.species .. " cannot evolve like this", "it needs: " .. table.concat(wanted, " or ")
end

--- Evolves the pokemon; moves, experience, individual values and effort are kept.
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
