--- The innate values of a pokemon, derived from the message that created it, so that a replay gives the same pokemon.
local growth = require("growth")
local sha256 = require("fleet.sha256")

local genes = {}

--- @param seed string unique: the message's id and the trainer
--- @return table { id, ivs: stat → 0–31, nature }
function genes.of(seed)
  local hex = sha256(seed)
  local function byte(at)
    return tonumber(hex:sub(2 * at + 1, 2 * at + 2), 16)
  end
  local ivs = {}
  for place, name in ipairs(growth.STATS) do
    ivs[name] = byte(15 + place) % 32
  end
  return {
    id = "pokemon-" .. hex:sub(1, 20),
    ivs = ivs,
    nature = growth.NATURES[(byte(30) * 256 + byte(31)) % #growth.NATURES + 1],
  }
end

return genes
