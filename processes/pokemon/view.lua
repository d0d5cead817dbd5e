--- How a pokemon is shown: to its trainer, to others, and to the battle process.
local dex = require("species")
local growth = require("growth")

local view = {}

--- @param pokemon table
--- @param own boolean its trainer asks: what it was born with is shown too
--- @return table
function view.pokemon(pokemon, own)
  local kind = dex.get(pokemon.species)
  local level = growth.levelOf(pokemon.experience)
  local shown = {
    pokemonId = pokemon.id, trainer = pokemon.trainer, species = pokemon.species, nickname = pokemon.nickname,
    level = level, types = kind.types, moves = pokemon.moves,
  }
  if own then
    shown.experience = pokemon.experience
    shown.nextLevelAt = level < growth.MAX_LEVEL and growth.experienceFor(level + 1) or nil
    shown.stats = growth.stats(kind.base, pokemon.ivs, pokemon.evs, level, pokemon.nature)
    shown.ivs, shown.evs, shown.nature = pokemon.ivs, pokemon.evs, pokemon.nature
    shown.evolving = pokemon.evolving and pokemon.evolving.into or nil
  end
  return shown
end

--- What a battle needs.
--- @param pokemon table
--- @return table
function view.fighter(pokemon)
  local kind = dex.get(pokemon.species)
  local level = growth.levelOf(pokemon.experience)
  return {
    pokemonId = pokemon.id, species = pokemon.species, level = level, types = kind.types, moves = pokemon.moves,
    stats = growth.stats(kind.base, pokemon.ivs, pokemon.evs, level, pokemon.nature),
    baseExperience = kind.baseExperience,
  }
end

return view
