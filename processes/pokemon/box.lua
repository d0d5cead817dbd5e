--- All pokemon of all trainers: plain functions on the state { pokemon: id → pokemon,
-- trainers: address → { owned, party }, started: who had the free starter, voided: ids that must never be made }.
-- Functions that can refuse return nil, code, message, remedy and have then changed nothing.
local dex = require("species")
local genes = require("genes")
local growth = require("growth")

local box = {}

--- Members of a party; moves of a pokemon; pokemon of one trainer.
box.PARTY_SIZE, box.MOVES, box.CAPACITY = 6, 4, 60
--- How many awards a pokemon remembers, so that a repeated one is recognised.
box.AWARDS = 32
--- Most experience that one award may bring.
box.MAX_AWARD = 1000000

local function indexOf(list, value)
  for i, each in ipairs(list) do
    if each == value then
      return i
    end
  end
end

local function newestMoves(species, level)
  local known = dex.learnable(species, level)
  return table.move(known, math.max(1, #known - box.MOVES + 1), #known, 1, {})
end

--- @return table the state before the first trainer came
function box.empty()
  return { pokemon = {}, trainers = {}, started = {}, voided = {} }
end

--- @param state table
--- @param address string
--- @return table { owned: ids, party: ids }; an empty one that is not kept when there is none
function box.trainer(state, address)
  return state.trainers[address] or { owned = {}, party = {} }
end

--- A new pokemon; it joins the party when there is room.
--- @param state table
--- @param trainer string
--- @param wish table { species, level?, nickname? }
--- @param seed string never used twice
--- @return table? pokemon
function box.create(state, trainer, wish, seed)
  if not dex.get(wish.species) then
    return nil, "UNKNOWN_SPECIES", "there is no species " .. wish.species, "choose one that LIST_SPECIES names"
  end
  local home = box.trainer(state, trainer)
  if #home.owned >= box.CAPACITY then
    return nil, "BOX_FULL", "the box holds " .. box.CAPACITY .. " pokemon already", "release one first"
  end
  local born = genes.of(seed)
  local level = math.tointeger(wish.level or 5)
  local pokemon = {
    id = born.id, trainer = trainer, species = wish.species, nickname = wish.nickname,
    experience = growth.experienceFor(level), ivs = born.ivs, evs = {}, nature = born.nature,
    moves = newestMoves(wish.species, level), awards = {},
  }
  state.pokemon[born.id] = pokemon
  state.trainers[trainer] = home
  home.owned[#home.owned + 1] = born.id
  if #home.party < box.PARTY_SIZE then
    home.party[#home.party + 1] = born.id
  end
  return pokemon
end

--- A pokemon that must belong to somebody.
--- @param state table
--- @param id string
--- @param owner string? when given, nobody else's will do
--- @return table? pokemon
function box.get(state, id, owner)
  local pokemon = state.pokemon[id]
  if not pokemon then
    return nil, "UNKNOWN_POKEMON", "there is no pokemon " .. id, "LIST_POKEMON names yours"
  elseif owner and pokemon.trainer ~= owner then
    return nil, "NOT_YOUR_POKEMON", "this pokemon belongs to another trainer", "LIST_POKEMON names yours"
  end
  return pokemon
end

--- Gives a pokemon away for good.
--- @param state table
--- @param pokemon table
function box.release(state, pokemon)
  local home = state.trainers[pokemon.trainer]
  table.remove(home.owned, indexOf(home.owned, pokemon.id))
  local place = indexOf(home.party, pokemon.id)
  if place then
    table.remove(home.party, place)
  end
  state.pokemon[pokemon.id] = nil
  if #home.owned == 0 then
    state.trainers[pokemon.trainer] = nil
  end
end

--- Replaces a party.
--- @param state table
--- @param trainer string
--- @param ids string[] at most PARTY_SIZE
--- @return string[]? party
function box.setParty(state, trainer, ids)
  local party = {}
  for _, id in ipairs(ids) do
    local pokemon, code, message, remedy = box.get(state, id, trainer)
    if not pokemon then
      return nil, code, message, remedy
    elseif indexOf(party, id) then
      return nil, "TWICE_IN_PARTY", id .. " is named twice", "name each member once"
    end
    party[#party + 1] = id
  end
  local home = box.trainer(state, trainer)
  home.party = party
  if #home.owned > 0 then
    state.trainers[trainer] = home
  end
  return party
end

--- Chooses what a pokemon fights with.
--- @param pokemon table
--- @param names string[] 1 to MOVES of what it has learnt
--- @return string[]? moves
function box.setMoves(pokemon, names)
  local known = dex.learnable(pokemon.species, growth.levelOf(pokemon.experience))
  local chosen = {}
  for _, name in ipairs(names) do
    if not indexOf(known, name) and not indexOf(pokemon.moves, name) then
      return nil, "BAD_MOVES", pokemon.species .. " has not learnt " .. name, "choose from: " .. table.concat(known, ", ")
    elseif indexOf(chosen, name) then
      return nil, "BAD_MOVES", name .. " is named twice", "name each move once"
    end
    chosen[#chosen + 1] = name
  end
  pokemon.moves = chosen
  return chosen
end

--- Experience for one pokemon. The same award a second time changes nothing.
--- @param pokemon table
--- @param amount integer
--- @param awardId string? recognises a repetition
--- @param effort table? stat → amount
--- @return table { pokemonId, gained, level, levelsGained, learnt, repeated }
function box.gain(pokemon, amount, awardId, effort)
  local before = growth.levelOf(pokemon.experience)
  local result = { pokemonId = pokemon.id, gained = 0, level = before, levelsGained = 0, learnt = {}, repeated = false }
  if awardId and indexOf(pokemon.awards, awardId) then
    result.repeated = true
    return result
  end
  local ceiling = growth.experienceFor(growth.MAX_LEVEL)
  local after = math.min(ceiling, pokemon.experience + amount)
  result.gained = after - pokemon.experience
  pokemon.experience = after
  result.level = growth.levelOf(after)
  result.levelsGained = result.level - before
  growth.addEffort(pokemon.evs, effort or {})
  for _, entry in ipairs(dex.get(pokemon.species).learnset) do
    if entry.level > before and entry.level <= result.level and not indexOf(pokemon.moves, entry.move) then
      result.learnt[#result.learnt + 1] = entry.move
      if #pokemon.moves < box.MOVES then
        pokemon.moves[#pokemon.moves + 1] = entry.move
      end
    end
  end
  if awardId then
    pokemon.awards[#pokemon.awards + 1] = awardId
    if #pokemon.awards > box.AWARDS then
      table.remove(pokemon.awards, 1)
    end
  end
  return result
end

--- Whether every pokemon is in exactly one trainer's box and every party is made of that trainer's own.
--- @param state table
--- @return boolean
--- @return string detail
function box.consistent(state)
  local homes, count = 0, 0
  for address, home in pairs(state.trainers) do
    for _, id in ipairs(home.owned) do
      homes = homes + 1
      if not state.pokemon[id] or state.pokemon[id].trainer ~= address then
        return false, id .. " is in a box that is not its trainer's"
      end
    end
    for _, id in ipairs(home.party) do
      if not indexOf(home.owned, id) then
        return false, id .. " is in a party but not in the box"
      end
    end
  end
  for _ in pairs(state.pokemon) do
    count = count + 1
  end
  return homes == count, count .. " pokemon in " .. homes .. " places"
end

return box
