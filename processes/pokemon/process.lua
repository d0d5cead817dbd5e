--- Pokemon: owners, moves, growth and evolution. A player can change only their own.
local fleet = require("fleet")
local box = require("box")
local caller = require("caller")
local creation = require("creation")
local dex = require("species")
local enforce = require("enforce")
local evolution = require("evolution")
local growth = require("growth")
local refusal = require("refusal")
local view = require("view")

fleet.process({
  name = "pokemon",
  processType = "POKEMON",
  version = "1.0.0",
  capabilities = { "POKEMON_MANAGEMENT", "PARTY_MANAGEMENT", "EVOLUTION_PROCESSING" },
  endpoints = {
    "CREATE_POKEMON", "GET_POKEMON", "LIST_POKEMON", "LIST_SPECIES", "RELEASE_POKEMON", "SET_PARTY", "GET_PARTY",
    "GET_PARTIES", "SET_MOVES", "GAIN_EXPERIENCE", "EVOLVE",
  },
})

local state = fleet.state("pokemon", box.empty())

local ADDRESS = { type = "string", maxLength = 64, pattern = "^[%w_%-]+$" }
local POKEMON = { type = "string", required = true, maxLength = 64 }

local must, refuse = refusal.must, refusal.refuse

--- A pokemon of the sender that may be changed.
local function ownPokemon(id, msg)
  enforce.check(msg)
  local pokemon = must(box.get(state, id, fleet.player(msg)))
  if pokemon.evolving then
    refuse("EVOLVING", "this pokemon is evolving", "send EVOLVE with the same item again to finish it")
  end
  return pokemon
end

creation.install(state, ownPokemon)

fleet.on("GET_POKEMON", { who = "anyone", readonly = true, schema = { pokemonId = POKEMON } }, function(data)
  return { pokemon = view.pokemon(must(box.get(state, data.pokemonId))) }
end)

fleet.on("LIST_POKEMON", { who = "anyone", readonly = true, schema = { trainer = ADDRESS } }, function(data, msg)
  local trainer = data.trainer or fleet.player(msg)
  local home = box.trainer(state, trainer)
  local list = {}
  for i, id in ipairs(home.owned) do
    list[i] = view.pokemon(state.pokemon[id])
  end
  return { trainer = trainer, pokemon = list, party = home.party, count = #list }
end)

fleet.on("LIST_SPECIES", { who = "anyone", readonly = true }, function()
  local list = {}
  for i, name in ipairs(dex.names()) do
    local kind = dex.get(name)
    list[i] = { species = name, types = kind.types, base = kind.base, evolutions = kind.evolutions, starter = dex.STARTERS[name] or false }
  end
  return { species = list, count = #list }
end)

fleet.on("SET_PARTY", { who = "anyone", schema = { party = { type = "array", required = true, maxLength = box.PARTY_SIZE, items = { type = "string", maxLength = 64 } } } }, function(data, msg)
  enforce.check(msg)
  return { party = must(box.setParty(state, fleet.player(msg), data.party)) }
end)

local function fighters(trainer)
  local party = {}
  for i, id in ipairs(box.trainer(state, trainer).party) do
    party[i] = view.fighter(state.pokemon[id])
  end
  return party
end

fleet.on("GET_PARTY", { who = "anyone", readonly = true }, function(_, msg)
  local player = fleet.player(msg)
  return { trainer = player, party = fighters(player) }
end)

fleet.on("GET_PARTIES", {
  readonly = true,
  schema = {
    trainers = { type = "array", required = true, minLength = 1, maxLength = 8, items = { type = "string", maxLength = 128 } },
  },
}, function(data)
  local parties = {}
  for i, trainer in ipairs(data.trainers) do
    parties[i] = fighters(trainer)
  end
  return { parties = parties }
end)

fleet.on("SET_MOVES", {
  who = "anyone",
  schema = { pokemonId = POKEMON, moves = { type = "array", required = true, minLength = 1, maxLength = box.MOVES, items = { type = "string", maxLength = 32 } } },
}, function(data, msg)
  return { pokemonId = data.pokemonId, moves = must(box.setMoves(ownPokemon(data.pokemonId, msg), data.moves)) }
end)

local AMOUNT = { type = "integer", min = 1, max = box.MAX_AWARD }
local EFFORT = { type = "table", fields = {} }
for _, name in ipairs(growth.STATS) do
  EFFORT.fields[name] = { type = "integer", min = 0, max = growth.MAX_EFFORT }
end
local AWARD = {
  type = "table",
  fields = {
    pokemonId = POKEMON,
    amount = { type = "integer", required = true, min = 1, max = box.MAX_AWARD },
    effort = EFFORT,
  },
}

-- Either one pokemonId and amount, or a list of awards. With an awardId, each award counts once; with its time too, however late it is repeated.
fleet.on("GAIN_EXPERIENCE", {
  who = caller.isService,
  schema = {
    pokemonId = { type = "string", maxLength = 64 },
    amount = AMOUNT,
    effort = EFFORT,
    awards = { type = "array", maxLength = box.PARTY_SIZE, items = AWARD },
    awardId = { type = "string", maxLength = 128 },
    at = { type = "integer", min = 0 },
  },
}, function(data, msg)
  if not data.awards and not (data.pokemonId and data.amount) then
    refuse("INVALID_DATA", "pokemonId and amount are missing", "send them, or a list of awards")
  elseif not data.awards then
    must(box.get(state, data.pokemonId))
  end
  local results, missing = {}, {}
  local award = data.awardId and { id = data.awardId, at = data.at, now = fleet.now(msg) } or nil
  for _, each in ipairs(data.awards or { data }) do
    local pokemon = state.pokemon[each.pokemonId]
    if pokemon then
      results[#results + 1] = box.gain(pokemon, math.tointeger(each.amount), award, each.effort)
    else
      missing[#missing + 1] = each.pokemonId
    end
  end
  return { results = results, missing = missing }
end)

--- The shop's codes after which it has not consumed the item, and will not do so by the same id.
local REFUSALS = { NOT_ENOUGH_ITEMS = true, UNKNOWN_ITEM = true, TAKEN_BACK = true }

--- The shop consumes the stone, so the pokemon waits for its reply. The use keeps its id until the shop performs or refuses it: if the
-- reply is lost, repeating EVOLVE neither consumes a second stone nor loses the first. One call at a time has the id, so that the refusal
-- of one does not forget what another consumes.
local function evolveWithItem(pokemon, option, msg)
  local waiting, asked = pokemon.evolving, fleet.now(msg)
  if waiting and waiting.askedAt and asked - waiting.askedAt < fleet.config("PROCESS_CONFIG", "requestTimeout") then
    refuse("EVOLVING", "the shop has not answered for this evolution yet", "wait for the reply, or send EVOLVE again in a minute")
  end
  local consumeId = waiting and waiting.consumeId or "evolve/" .. pokemon.id .. "/" .. msg.Id
  pokemon.evolving = { item = option.item, into = option.into, consumeId = consumeId, askedAt = asked }
  local id, trainer = pokemon.id, pokemon.trainer
  fleet.later(msg)
  fleet.call("shop", "CONSUME_ITEM", {
    account = trainer, item = option.item, quantity = 1, consumeId = consumeId,
  }, function(reply)
    local now = state.pokemon[id]
    local isMine = now and now.evolving and now.evolving.consumeId == consumeId
    if reply.success then
      if isMine then
        fleet.reply(msg, evolution.apply(now, option.into))
      else
        fleet.replyError(msg, "ALREADY_EVOLVED", "this evolution is already finished", "GET_POKEMON shows it")
      end
      return
    end
    local code = reply.error and reply.error.code or "SHOP_FAILED"
    if isMine and REFUSALS[code] then
      now.evolving = nil
    elseif isMine then
      now.evolving.askedAt = nil
    end
    fleet.replyError(msg, code, reply.error and reply.error.message or "the shop refused the item", reply.error and reply.error.remedy or "try again later")
  end)
  return nil
end

fleet.on("EVOLVE", {
  who = "anyone",
  once = true,
  schema = { pokemonId = POKEMON, item = { type = "string", maxLength = 32 } },
}, function(data, msg)
  enforce.check(msg)
  local pokemon = must(box.get(state, data.pokemonId, fleet.player(msg)))
  if pokemon.evolving and pokemon.evolving.item ~= data.item then
    refuse("EVOLVING", "this pokemon is evolving with a " .. pokemon.evolving.item, "send EVOLVE with that item again to finish it")
  end
  local option = must(evolution.possible(pokemon, data.item))
  if option.item then
    return evolveWithItem(pokemon, option, msg)
  end
  return evolution.apply(pokemon, option.into)
end)

fleet.invariant("every-pokemon-has-a-home", function()
  return box.consistent(state)
end)

fleet.check("species", "READINESS", function()
  local count = #dex.names()
  return count > 0, count .. " species"
end)
