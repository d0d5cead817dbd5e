--- The chart of eighteen types: the factor of a move's type against the types of its target.
-- Factors are integers in quarters (4 = neutral), so that damage is computed in integers only.
-- Source: the chart in use since the sixth generation: 51 strong, 61 weak, 8 without effect, 204 neutral.
local types = {}

--- The eighteen names, in the chart's usual order.
types.NAMES = {
  "normal", "fire", "water", "electric", "grass", "ice", "fighting", "poison", "ground",
  "flying", "psychic", "bug", "rock", "ghost", "dragon", "dark", "steel", "fairy",
}

local STRONG, WEAK, NONE = 4, 1, 0 -- in halves; types that a row omits have 2

local ROWS = {
  normal = { [WEAK] = "rock steel", [NONE] = "ghost" },
  fire = { [STRONG] = "grass ice bug steel", [WEAK] = "fire water rock dragon" },
  water = { [STRONG] = "fire ground rock", [WEAK] = "water grass dragon" },
  electric = { [STRONG] = "water flying", [WEAK] = "electric grass dragon", [NONE] = "ground" },
  grass = { [STRONG] = "water ground rock", [WEAK] = "fire grass poison flying bug dragon steel" },
  ice = { [STRONG] = "grass ground flying dragon", [WEAK] = "fire water ice steel" },
  fighting = {
    [STRONG] = "normal ice rock dark steel", [WEAK] = "poison flying psychic bug fairy", [NONE] = "ghost",
  },
  poison = { [STRONG] = "grass fairy", [WEAK] = "poison ground rock ghost", [NONE] = "steel" },
  ground = { [STRONG] = "fire electric poison rock steel", [WEAK] = "grass bug", [NONE] = "flying" },
  flying = { [STRONG] = "grass fighting bug", [WEAK] = "electric rock steel" },
  psychic = { [STRONG] = "fighting poison", [WEAK] = "psychic steel", [NONE] = "dark" },
  bug = { [STRONG] = "grass psychic dark", [WEAK] = "fire fighting poison flying ghost steel fairy" },
  rock = { [STRONG] = "fire ice flying bug", [WEAK] = "fighting ground steel" },
  ghost = { [STRONG] = "psychic ghost", [WEAK] = "dark", [NONE] = "normal" },
  dragon = { [STRONG] = "dragon", [WEAK] = "steel", [NONE] = "fairy" },
  dark = { [STRONG] = "psychic ghost", [WEAK] = "fighting dark fairy" },
  steel = { [STRONG] = "ice rock fairy", [WEAK] = "fire water electric steel" },
  fairy = { [STRONG] = "fighting dragon dark", [WEAK] = "fire poison steel" },
}

local chart = {}
for attacking, row in pairs(ROWS) do
  chart[attacking] = {}
  for halves, names in pairs(row) do
    for name in names:gmatch("%S+") do
      chart[attacking][name] = halves
    end
  end
end

--- @param name string
--- @return boolean whether it is one of the eighteen types
function types.known(name)
  return chart[name] ~= nil
end

--- The effectiveness of a move's type against a target with one or two types.
--- @param attacking string the move's type; "typeless" (Struggle) is neutral to everything
--- @param defending string[] the target's one or two types
--- @return integer quarters: 0, 1, 2, 4 (neutral), 8 or 16
function types.effectiveness(attacking, defending)
  local row = chart[attacking]
  if not row then
    return 4
  end
  local quarters = 1
  for i = 1, 2 do
    local name = defending[i]
    quarters = quarters * (name and (row[name] or 2) or 2)
  end
  return quarters
end

return types
