--- The views of a pokemon: for players, and for the battle process. All of it is shown to everybody, since the state of a process is
-- public: a shorter view for others would only look as if the rest were secret.
local dex = require("species")
local growth = require("growth")

local view = {}

--- @param pokemon table
--- @return table
function view.pokemon(pokemon)
  local kind = dex.get(pokemon.species)
  local level = growth.levelOf(pokemon.experience)
  return {
    pokemonId = pokemon.id, trainer = pokemon.trainer, species = pokemon.species, nickname = pokemon.nickname,
    level = level, types = kind.types, moves = pokemon.moves, experience = pokemon.experience,
    nextLevelAt = level < growth.MAX_LEVEL and growth.experienceFor(level + 1) or nil,
    stats = growth.stats(kind.base, pokemon.ivs, pokemon.evs, level, pokemon.nature),
    ivs = pokemon.ivs, evs = pokemon.evs, nature = pokemon.nature,
    evolving = pokemon.evolving and pokemon.evolving.into or nil,
  }
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
