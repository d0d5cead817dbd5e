--- Creating and releasing pokemon, by players and by workflows of the fleet.
local fleet = require("fleet")
local box = require("box")
local caller = require("caller")
local dex = require("species")
local enforce = require("enforce")
local genes = require("genes")
local growth = require("growth")
local hatchery = require("hatchery")
local refusal = require("refusal")
local view = require("view")

local creation = {}

local ADDRESS = { type = "string", maxLength = 64, pattern = "^[%w_%-]+$" }

local state

local must, refuse = refusal.must, refusal.refuse

--- The seed of a request by the fleet's processes: one request id gives exactly one pokemon.
local function seedOfRequest(trainer, requestId)
  return "request/" .. trainer .. "/" .. requestId
end

-- A player's own request: only the free starter. Its egg may have been lost.
local function starter(trainer, data, msg)
  local had = state.started[trainer]
  if data.trainer and data.trainer ~= trainer then
    refuse("FORBIDDEN", "you can create a pokemon only for yourself", "omit trainer")
  elseif not dex.STARTERS[data.species] or (data.level or 5) ~= 5 then
    refuse("NOT_A_STARTER", "the first pokemon must be a starter of level 5", "choose bulbasaur, charmander, squirtle, pikachu or eevee")
  elseif type(had) == "string" and hatchery.eggs()[had] then
    return had
  elseif had then
    refuse("STARTER_TAKEN", "you already have your free starter", "run the workflow starter-purchase for another")
  end
  local seed = "message/" .. trainer .. "/" .. msg.Id
  state.started[trainer] = genes.id(seed)
  return genes.id(seed), seed
end

local function create(data, msg)
  local trainer, id, seed = fleet.player(msg), nil, nil
  if caller.isService(msg) then
    trainer = data.trainer or trainer
    seed = data.requestId and seedOfRequest(trainer, data.requestId) or "message/" .. trainer .. "/" .. msg.Id
    id = genes.id(seed)
  end
  enforce.check(msg, trainer)
  if not id then
    id, seed = starter(trainer, data, msg)
  end
  if state.voided[id] then
    refuse("TAKEN_BACK", "this request was undone before it arrived", "use a new requestId")
  elseif hatchery.eggs()[id] then
    return { pokemon = view.pokemon(must(hatchery.recover(id, msg))), repeated = true }
  elseif state.pokemon[id] then
    return { pokemon = view.pokemon(state.pokemon[id]), repeated = true }
  end
  must(box.mayCreate(state, trainer, data.species, hatchery.count(trainer)))
  hatchery.lay(id, trainer, data, seed, msg)
  return nil
end

-- Undoes a request whether or not it has arrived. A repetition changes nothing.
local function undo(trainer, requestId)
  local id = genes.id(seedOfRequest(trainer, requestId))
  local pokemon, egg = state.pokemon[id], hatchery.discard(id)
  if pokemon then
    box.release(state, pokemon)
  end
  state.voided[id] = true
  return { pokemonId = id, released = pokemon ~= nil or egg }
end

--- Declares the actions.
--- @param pokemon table the state of box.lua
--- @param ownPokemon function(id, msg) → a pokemon of the sender, or a typed error
function creation.install(pokemon, ownPokemon)
  state = pokemon
  hatchery.install(pokemon)

  fleet.on("CREATE_POKEMON", {
    who = "anyone",
    once = true,
    schema = {
      species = { type = "string", required = true, maxLength = 32 },
      nickname = { type = "string", maxLength = 24 },
      level = { type = "integer", min = 1, max = growth.MAX_LEVEL },
      trainer = ADDRESS,
      requestId = { type = "string", maxLength = 128 },
    },
  }, create)

  fleet.on("RELEASE_POKEMON", {
    who = "anyone",
    schema = {
      pokemonId = { type = "string", maxLength = 64 },
      requestId = { type = "string", maxLength = 128 },
      trainer = ADDRESS,
    },
  }, function(data, msg)
    if data.requestId and data.trainer and caller.isService(msg) then
      return undo(data.trainer, data.requestId)
    elseif not data.pokemonId then
      refuse("INVALID_DATA", "pokemonId is missing", "send the id of the pokemon to release")
    end
    box.release(state, ownPokemon(data.pokemonId, msg))
    return { pokemonId = data.pokemonId, released = true }
  end)
end

return creation
