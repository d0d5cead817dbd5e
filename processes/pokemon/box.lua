--- All pokemon of all trainers: plain functions on the state { pokemon: id → pokemon,
-- trainers: address → { owned, party }, started: trainers that had the free starter → its id, in earlier versions true,
-- voided: ids that must not be created, eggs: see hatchery.lua }.
-- A function that refuses changes nothing and returns nil, code, message, remedy.
local dex = require("species")
local growth = require("growth")

local box = {}

--- Members of a party; moves of a pokemon; pokemon of one trainer.
box.PARTY_SIZE, box.MOVES, box.CAPACITY = 6, 4, 60
--- The number of awards kept per pokemon, so that a repeated one is recognised.
box.AWARDS = 32
--- The most experience of one award.
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

--- @return table the initial state
function box.empty()
  return { pokemon = {}, trainers = {}, started = {}, voided = {} }
end

--- @param state table
--- @param address string
--- @return table { owned: ids, party: ids }; for an unknown trainer an empty one that is not stored
function box.trainer(state, address)
  return state.trainers[address] or { owned = {}, party = {} }
end

--- Whether a pokemon of this species fits into a trainer's box.
--- @param state table
--- @param trainer string
--- @param species string
--- @param eggs integer places that are taken by eggs
--- @return boolean? true
function box.mayCreate(state, trainer, species, eggs)
  if not dex.get(species) then
    return nil, "UNKNOWN_SPECIES", "there is no species " .. species, "choose one that LIST_SPECIES lists"
  elseif #box.trainer(state, trainer).owned + eggs >= box.CAPACITY then
    return nil, "BOX_FULL", "the box is full: it holds " .. box.CAPACITY .. " pokemon", "release one first"
  end
  return true
end

--- Creates a pokemon; it joins the party if there is room.
--- @param state table
--- @param trainer string
--- @param request table { species, level?, nickname? }
--- @param id string never used twice
--- @param born table { ivs, nature }
--- @return table? pokemon
function box.create(state, trainer, request, id, born)
  local ok, code, message, remedy = box.mayCreate(state, trainer, request.species, 0)
  if not ok then
    return nil, code, message, remedy
  end
  local home = box.trainer(state, trainer)
  local level = math.tointeger(request.level or 5)
  local pokemon = {
    id = id, trainer = trainer, species = request.species, nickname = request.nickname,
    experience = growth.experienceFor(level), ivs = born.ivs, evs = {}, nature = born.nature,
    moves = newestMoves(request.species, level), awards = {},
  }
  state.pokemon[id] = pokemon
  state.trainers[trainer] = home
  home.owned[#home.owned + 1] = id
  if #home.party < box.PARTY_SIZE then
    home.party[#home.party + 1] = id
  end
  return pokemon
end

--- A pokemon by id.
--- @param state table
--- @param id string
--- @param owner string? if given, the pokemon must belong to this trainer
--- @return table? pokemon
function box.get(state, id, owner)
  local pokemon = state.pokemon[id]
  if not pokemon then
    return nil, "UNKNOWN_POKEMON", "there is no pokemon " .. id, "LIST_POKEMON lists yours"
  elseif owner and pokemon.trainer ~= owner then
    return nil, "NOT_YOUR_POKEMON", "this pokemon belongs to another trainer", "LIST_POKEMON lists yours"
  end
  return pokemon
end

--- Releases a pokemon permanently.
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
      return nil, "TWICE_IN_PARTY", id .. " is listed twice", "list each member once"
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

--- Sets the moves of a pokemon.
--- @param pokemon table
--- @param names string[] 1 to MOVES of the moves it has learnt
--- @return string[]? moves
function box.setMoves(pokemon, names)
  local known = dex.learnable(pokemon.species, growth.levelOf(pokemon.experience))
  local chosen = {}
  for _, name in ipairs(names) do
    if not indexOf(known, name) and not indexOf(pokemon.moves, name) then
      return nil, "BAD_MOVES", pokemon.species .. " has not learnt " .. name, "choose from: " .. table.concat(known, ", ")
    elseif indexOf(chosen, name) then
      return nil, "BAD_MOVES", name .. " is listed twice", "list each move once"
    end
    chosen[#chosen + 1] = name
  end
  pokemon.moves = chosen
  return chosen
end

-- Remembers an award: its id in `awards`, its time by id in `awardedAt`. Earlier versions, to which a rollback returns, have only the ids. Of too
-- many, the earliest is forgotten; `awardsFrom` is its time.
local function remember(pokemon, awardId, at)
  local ids, earlier, times = pokemon.awards, pokemon.awardedAt or {}, {}
  for _, id in ipairs(ids) do
    times[id] = earlier[id] or 0
  end
  ids[#ids + 1], times[awardId] = awardId, at
  if #ids > box.AWARDS then
    local first = 1
    for place, id in ipairs(ids) do
      first = times[id] < times[ids[first]] and place or first
    end
    local id = table.remove(ids, first)
    pokemon.awardsFrom, times[id] = math.max(pokemon.awardsFrom or 0, times[id]), nil
  end
  pokemon.awardedAt, pokemon.awardTimes = times, nil
end

-- Whether an award was given. Earlier versions of the battle process, to which a rollback returns, send it without its time, which the id that is
-- remembered may end with.
local function isGiven(pokemon, award)
  for _, id in ipairs(pokemon.awards) do
    if id == award.id or not award.at and id:sub(1, #award.id + 1) == award.id .. "@" then
      return true
    end
  end
  return false
end

--- Adds experience to a pokemon. Repeating an award changes nothing. Nor does one that is earlier than those that are remembered: it may have been
-- given, and is `tooOld`.
--- @param pokemon table
--- @param amount integer
--- @param award table? { id, at: scheduler time that it has in each repetition, or nil, now } recognises a repetition
--- @param effort table? stat → amount
--- @return table { pokemonId, gained, level, levelsGained, learnt, repeated, tooOld }
function box.gain(pokemon, amount, award, effort)
  local before = growth.levelOf(pokemon.experience)
  local result = { pokemonId = pokemon.id, gained = 0, level = before, levelsGained = 0, learnt = {}, repeated = false }
  local isKnown = award and isGiven(pokemon, award)
  if isKnown or award and award.at and award.at <= (pokemon.awardsFrom or 0) then
    result.repeated, result.tooOld = true, not isKnown or nil
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
  if award then
    remember(pokemon, award.id, award.at or award.now)
  end
  return result
end

--- Whether every pokemon is in exactly one box, that of its trainer, and every party member is in its trainer's box.
--- @param state table
--- @return boolean
--- @return string detail
function box.consistent(state)
  local homes, count = 0, 0
  for address, home in pairs(state.trainers) do
    for _, id in ipairs(home.owned) do
      homes = homes + 1
      if not state.pokemon[id] or state.pokemon[id].trainer ~= address then
        return false, id .. " is in a box of another trainer"
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
  return homes == count, count .. " pokemon in " .. homes .. " boxes"
end

return box
