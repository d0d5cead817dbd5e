--- Creating a pokemon takes two messages: the request, which fixes everything but the innate values, and one that this process sends to
-- itself. The messenger signs the latter and the scheduler gives it its time and slot after the request was accepted, so nobody who
-- signs a request can know the values. The requester gets one reply, after the second message.
-- An egg whose second message was lost hatches by a repetition of the request, at the earliest a minute later.
local fleet = require("fleet")
local box = require("box")
local genes = require("genes")
local view = require("view")

local hatchery = {}

--- Ms after which an egg may hatch by another message than the process' own.
hatchery.LOST_AFTER = 60000

local state

--- @param pokemon table the state of box.lua; states of earlier versions have no eggs
function hatchery.install(pokemon)
  state = pokemon
end

--- All eggs: id of the pokemon → { trainer, species, nickname, level, seed, at, salt, request }.
--- @return table
function hatchery.eggs()
  state.eggs = state.eggs or {}
  return state.eggs
end

-- The ids of a trainer's eggs: trainer → id → true. Those of others cost nothing, however many wait for a message that was never sent. States of
-- earlier versions have none; an id without an egg is one that such a version hatched.
local function byTrainer()
  if not state.eggsOf then
    state.eggsOf = {}
    for id, egg in pairs(hatchery.eggs()) do
      state.eggsOf[egg.trainer] = state.eggsOf[egg.trainer] or {}
      state.eggsOf[egg.trainer][id] = true
    end
  end
  return state.eggsOf
end

local function put(id, egg)
  local own = byTrainer()
  own[egg.trainer] = own[egg.trainer] or {}
  own[egg.trainer][id] = true
  hatchery.eggs()[id] = egg
end

local function take(id, egg)
  local own = byTrainer()[egg.trainer]
  state.eggs[id] = nil
  if own then
    own[id] = nil
    if next(own) == nil then
      state.eggsOf[egg.trainer] = nil
    end
  end
end

-- What the network sets in a message. A node of mainnet has no hash chain.
local function marks(msg)
  local chain = msg["Hash-Chain"]
  return table.concat({
    tostring(msg.Id), tostring(fleet.now(msg)), tostring(fleet.slot(msg)), type(chain) == "string" and chain or "",
  }, "/")
end

local function requestOf(egg)
  return { Id = egg.request, From = egg.trainer, Action = "CREATE_POKEMON" }
end

local function waiting(ms)
  return "HATCHING", "this pokemon has not hatched yet", "LIST_POKEMON shows it then; if it does not, create it again in " .. ms .. " ms"
end

--- Lays an egg and defers the reply to the request.
--- @param id string of the pokemon
--- @param trainer string
--- @param data table { species, level?, nickname? }, valid
--- @param seed string
--- @param msg table the request
function hatchery.lay(id, trainer, data, seed, msg)
  put(id, {
    trainer = trainer, species = data.species, nickname = data.nickname, level = data.level, seed = seed,
    at = fleet.now(msg), salt = marks(msg), request = msg.Id,
  })
  fleet.later(msg)
  -- The message answers the call that sends it, so no setting that limits requests stops it, and a hand-over waits for it.
  fleet.ask(ao.id, "HATCH-Response", { success = true }, function(_, own)
    if own then
      hatchery.hatch(id, own)
    elseif state.eggs[id] then
      fleet.replyError(requestOf(state.eggs[id]), waiting(hatchery.LOST_AFTER))
    end
  end)
end

--- Turns an egg into a pokemon and answers its request; does nothing if there is no such egg.
--- @param id string
--- @param msg table the later message
--- @return table? pokemon, or nil, code, message, remedy
function hatchery.hatch(id, msg)
  local egg = hatchery.eggs()[id]
  if not egg then
    return nil
  end
  take(id, egg)
  local request = requestOf(egg)
  local born = genes.of(egg.seed, egg.salt .. "/" .. marks(msg))
  local pokemon, code, message, remedy = box.create(state, egg.trainer, egg, id, born)
  if pokemon then
    fleet.reply(request, { pokemon = view.pokemon(pokemon), repeated = false })
  else
    fleet.replyError(request, code, message, remedy)
  end
  return pokemon, code, message, remedy
end

--- Hatches an egg whose own message was lost, or says that it is still awaited.
--- @param id string
--- @param msg table
--- @return table? pokemon, or nil, code, message, remedy
function hatchery.recover(id, msg)
  local left = hatchery.LOST_AFTER - (fleet.now(msg) - hatchery.eggs()[id].at)
  if left > 0 then
    return nil, waiting(left)
  end
  return hatchery.hatch(id, msg)
end

--- Removes the egg of a request that is undone.
--- @param id string
--- @return boolean whether there was one
function hatchery.discard(id)
  local egg = hatchery.eggs()[id]
  if egg then
    take(id, egg)
    fleet.replyError(requestOf(egg), "TAKEN_BACK", "this request was undone", "use a new requestId")
  end
  return egg ~= nil
end

--- @param trainer string
--- @return integer eggs of a trainer, which take places in the box
function hatchery.count(trainer)
  local count = 0
  for id in pairs(byTrainer()[trainer] or {}) do
    if hatchery.eggs()[id] then
      count = count + 1
    end
  end
  return count
end

return hatchery
