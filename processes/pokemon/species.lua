--- The species table: base statistics, types, experience yield, evolutions and the moves learnt by level.
-- Source: the published figures of the main series; learnsets contain only moves that battles support.
local species = {}

local ORDER = { "hp", "attack", "defense", "specialAttack", "specialDefense", "speed" }

-- base: the six statistics in ORDER; learns: "level move" pairs; evolutions: { level, into } or { item, into }.
local function define(name, types, base, yield, learns, evolutions)
  local stats = {}
  local i = 0
  for number in base:gmatch("%d+") do
    i = i + 1
    stats[ORDER[i]] = math.tointeger(number)
  end
  local learnset = {}
  for level, move in learns:gmatch("(%d+) ([%l%-]+)") do
    learnset[#learnset + 1] = { level = math.tointeger(level), move = move }
  end
  local list = {}
  for word in types:gmatch("%l+") do
    list[#list + 1] = word
  end
  species[name] = {
    name = name, types = list, base = stats, baseExperience = yield,
    learnset = learnset, evolutions = evolutions or {},
  }
end

define("bulbasaur", "grass poison", "45 49 49 65 65 45", 64,
  "1 tackle 1 growl 3 vine-whip 12 razor-leaf 27 double-edge 36 solar-beam", { { level = 16, into = "ivysaur" } })
define("ivysaur", "grass poison", "60 62 63 80 80 60", 142,
  "1 tackle 1 growl 3 vine-whip 12 razor-leaf 30 double-edge 44 solar-beam", { { level = 32, into = "venusaur" } })
define("venusaur", "grass poison", "80 82 83 100 100 80", 236,
  "1 tackle 1 growl 3 vine-whip 12 razor-leaf 32 sludge-bomb 53 solar-beam 60 earthquake")
define("charmander", "fire", "39 52 43 60 50 65", 62,
  "1 scratch 1 growl 4 ember 12 dragon-breath 17 fire-fang 20 slash 24 flamethrower", { { level = 16, into = "charmeleon" } })
define("charmeleon", "fire", "58 64 58 80 65 80", 142,
  "1 scratch 1 growl 4 ember 12 dragon-breath 19 fire-fang 24 slash 30 flamethrower", { { level = 36, into = "charizard" } })
define("charizard", "fire flying", "78 84 78 109 85 100", 240,
  "1 scratch 1 growl 4 ember 12 dragon-breath 19 fire-fang 24 slash 30 flamethrower 36 air-slash 54 fire-blast 62 flare-blitz")
define("squirtle", "water", "44 48 65 50 64 43", 63,
  "1 tackle 1 tail-whip 3 water-gun 6 withdraw 12 bite 18 water-pulse 24 aqua-tail 33 hydro-pump", { { level = 16, into = "wartortle" } })
define("wartortle", "water", "59 63 80 65 80 58", 142,
  "1 tackle 1 tail-whip 3 water-gun 6 withdraw 12 bite 20 water-pulse 30 aqua-tail 40 hydro-pump", { { level = 36, into = "blastoise" } })
define("blastoise", "water", "79 83 100 85 105 78", 239,
  "1 tackle 1 tail-whip 3 water-gun 6 withdraw 12 bite 20 water-pulse 30 aqua-tail 42 surf 49 hydro-pump 60 ice-beam")
define("pikachu", "electric", "35 55 40 50 50 90", 112,
  "1 thunder-shock 1 growl 1 quick-attack 20 slam 24 agility 36 thunderbolt 44 iron-tail 50 thunder", { { item = "thunder-stone", into = "raichu" } })
define("raichu", "electric", "60 90 55 90 80 110", 218,
  "1 thunder-shock 1 tail-whip 1 quick-attack 5 slam 24 agility 36 thunderbolt 44 iron-tail 50 thunder")
define("eevee", "normal", "55 55 50 45 65 55", 65,
  "1 tackle 1 tail-whip 10 quick-attack 20 swift 25 bite 50 double-edge", {
    { item = "water-stone", into = "vaporeon" },
    { item = "thunder-stone", into = "jolteon" },
    { item = "fire-stone", into = "flareon" },
  })
define("vaporeon", "water", "130 65 60 110 95 65", 184,
  "1 tackle 1 water-gun 10 quick-attack 20 swift 25 water-pulse 30 bite 35 surf 50 hydro-pump")
define("jolteon", "electric", "65 65 60 110 95 130", 184,
  "1 tackle 1 thunder-shock 10 quick-attack 20 swift 25 bite 35 agility 40 thunderbolt 50 thunder")
define("flareon", "fire", "65 130 60 95 110 65", 184,
  "1 tackle 1 ember 10 quick-attack 20 swift 25 bite 30 fire-fang 40 flamethrower 50 flare-blitz")
define("magikarp", "water", "20 10 55 15 20 80", 40, "1 splash 15 tackle", { { level = 20, into = "gyarados" } })
define("gyarados", "water flying", "95 125 79 60 100 81", 189,
  "1 tackle 1 bite 20 ice-fang 24 dragon-dance 28 waterfall 32 crunch 40 aqua-tail 44 hydro-pump")
define("growlithe", "fire", "55 70 45 70 50 60", 70,
  "1 ember 1 bite 8 quick-attack 20 fire-fang 28 slash 32 flamethrower 40 crunch 56 flare-blitz", { { item = "fire-stone", into = "arcanine" } })
define("arcanine", "fire", "90 110 80 100 80 95", 194,
  "1 ember 1 bite 5 fire-fang 20 slash 28 flamethrower 36 crunch 44 extreme-speed 56 flare-blitz")
define("dratini", "dragon", "41 64 45 50 50 50", 60,
  "1 tackle 1 tail-whip 10 dragon-breath 20 slam 25 agility 31 aqua-tail 39 dragon-dance 55 outrage", { { level = 30, into = "dragonair" } })
define("dragonair", "dragon", "61 84 65 70 70 70", 147,
  "1 tackle 1 tail-whip 10 dragon-breath 20 slam 25 agility 33 aqua-tail 46 dragon-dance 60 outrage", { { level = 55, into = "dragonite" } })
define("dragonite", "dragon flying", "91 134 95 100 100 80", 270,
  "1 tackle 1 wing-attack 10 dragon-breath 20 slam 25 agility 33 aqua-tail 46 dragon-claw 62 outrage")
define("ralts", "psychic fairy", "28 25 25 45 35 40", 40,
  "1 growl 1 disarming-voice 9 confusion 18 swift 24 calm-mind 33 psychic", { { level = 20, into = "kirlia" } })
define("kirlia", "psychic fairy", "38 35 35 65 55 50", 97,
  "1 growl 1 disarming-voice 9 confusion 18 swift 28 calm-mind 38 psychic", { { level = 30, into = "gardevoir" } })
define("gardevoir", "psychic fairy", "68 65 65 125 115 80", 233,
  "1 growl 1 disarming-voice 9 confusion 18 swift 28 calm-mind 35 psychic 42 hyper-voice 49 moonblast 56 shadow-ball")

local dex = {}

--- The free starters.
dex.STARTERS = { bulbasaur = true, charmander = true, squirtle = true, pikachu = true, eevee = true }

--- @param name string
--- @return table? { name, types, base, baseExperience, learnset, evolutions }
function dex.get(name)
  return species[name]
end

--- @return string[] all names, sorted
function dex.names()
  local names = {}
  for name in pairs(species) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- The moves that a species has learnt at a level, oldest first.
--- @param name string
--- @param level integer
--- @return string[]
function dex.learnable(name, level)
  local names = {}
  for _, entry in ipairs(species[name].learnset) do
    if entry.level <= level then
      names[#names + 1] = entry.move
    end
  end
  return names
end

return dex
