--- The id and the innate values of a pokemon.
-- The id follows from the request, so that a repetition finds the same pokemon. The values also depend on a later message (hatchery.lua):
-- a sender can sign a request again until its id suits them, so values that followed from the request alone could be chosen offline.
local growth = require("growth")
local sha256 = require("fleet.sha256")

local genes = {}

--- @param seed string unique: the message's id and the trainer
--- @return string
function genes.id(seed)
  return "pokemon-" .. sha256(seed):sub(1, 20)
end

--- @param seed string as for the id
--- @param entropy string what the network set in a later message
--- @return table { ivs: stat → 0–31, nature }
function genes.of(seed, entropy)
  local hex = sha256(seed .. "/" .. entropy)
  local function byte(at)
    return tonumber(hex:sub(2 * at + 1, 2 * at + 2), 16)
  end
  local ivs = {}
  for place, name in ipairs(growth.STATS) do
    ivs[name] = byte(15 + place) % 32
  end
  return { ivs = ivs, nature = growth.NATURES[(byte(30) * 256 + byte(31)) % #growth.NATURES + 1] }
end

return genes
