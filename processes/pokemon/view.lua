--- The views of a pokemon: for its trainer, for others, and for the battle process.
local dex = require("species")
local growth = require("growth")

local view = {}

--- @param pokemon table
--- @param own boolean whether its trainer asks; only then innate values are shown
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

--- The fields that a battle needs.
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
