--- The moves: type, category, power, accuracy in percent, PP, and special effects.
-- accuracy nil: never misses. priority: higher goes first. critical: critical stage. stages: whose statistic changes by how much.
local moves = {}

local function physical(type, power, accuracy, pp, more)
  local move = more or {}
  move.type, move.category, move.power, move.accuracy, move.pp = type, "physical", power, accuracy, pp
  return move
end

local function special(type, power, accuracy, pp, more)
  local move = physical(type, power, accuracy, pp, more)
  move.category = "special"
  return move
end

local function status(type, accuracy, pp, target, stat, by)
  return {
    type = type, category = "status", power = 0, accuracy = accuracy, pp = pp,
    stages = { target = target, stat = stat, by = by },
  }
end

local ALL = {
  ["tackle"] = physical("normal", 40, 100, 35),
  ["scratch"] = physical("normal", 40, 100, 35),
  ["quick-attack"] = physical("normal", 40, 100, 30, { priority = 1 }),
  ["extreme-speed"] = physical("normal", 80, 100, 5, { priority = 2 }),
  ["swift"] = special("normal", 60, nil, 20),
  ["slash"] = physical("normal", 70, 100, 20, { critical = 1 }),
  ["slam"] = physical("normal", 80, 75, 20),
  ["double-edge"] = physical("normal", 120, 100, 15, { recoil = 3 }),
  ["hyper-voice"] = special("normal", 90, 100, 10),
  ["ember"] = special("fire", 40, 100, 25),
  ["flamethrower"] = special("fire", 90, 100, 15),
  ["fire-blast"] = special("fire", 110, 85, 5),
  ["fire-fang"] = physical("fire", 65, 95, 15),
  ["flare-blitz"] = physical("fire", 120, 100, 15, { recoil = 3 }),
  ["water-gun"] = special("water", 40, 100, 25),
  ["water-pulse"] = special("water", 60, 100, 20),
  ["surf"] = special("water", 90, 100, 15),
  ["hydro-pump"] = special("water", 110, 80, 5),
  ["waterfall"] = physical("water", 80, 100, 15),
  ["aqua-tail"] = physical("water", 90, 90, 10),
  ["thunder-shock"] = special("electric", 40, 100, 30),
  ["thunderbolt"] = special("electric", 90, 100, 15),
  ["thunder"] = special("electric", 110, 70, 10),
  ["vine-whip"] = physical("grass", 45, 100, 25),
  ["razor-leaf"] = physical("grass", 55, 95, 25, { critical = 1 }),
  ["solar-beam"] = special("grass", 120, 100, 10),
  ["ice-beam"] = special("ice", 90, 100, 10),
  ["ice-fang"] = physical("ice", 65, 95, 15),
  ["sludge-bomb"] = special("poison", 90, 100, 10),
  ["earthquake"] = physical("ground", 100, 100, 10),
  ["wing-attack"] = physical("flying", 60, 100, 35),
  ["air-slash"] = special("flying", 75, 95, 15),
  ["confusion"] = special("psychic", 50, 100, 25),
  ["psychic"] = special("psychic", 90, 100, 10),
  ["bite"] = physical("dark", 60, 100, 25),
  ["crunch"] = physical("dark", 80, 100, 15),
  ["dragon-breath"] = special("dragon", 60, 100, 20),
  ["dragon-claw"] = physical("dragon", 80, 100, 15),
  ["outrage"] = physical("dragon", 120, 100, 10),
  ["shadow-ball"] = special("ghost", 80, 100, 15),
  ["rock-slide"] = physical("rock", 75, 90, 10),
  ["iron-tail"] = physical("steel", 100, 75, 15),
  ["disarming-voice"] = special("fairy", 40, nil, 15),
  ["moonblast"] = special("fairy", 95, 100, 15),
  ["growl"] = status("normal", 100, 40, "foe", "attack", -1),
  ["tail-whip"] = status("normal", 100, 30, "foe", "defense", -1),
  ["withdraw"] = status("water", nil, 40, "self", "defense", 1),
  ["agility"] = status("psychic", nil, 30, "self", "speed", 2),
  ["calm-mind"] = status("psychic", nil, 20, "self", "specialAttack", 1),
  ["dragon-dance"] = status("dragon", nil, 20, "self", "attack", 1),
  ["splash"] = { type = "normal", category = "status", power = 0, pp = 40 },
}

--- The only move of a fighter without PP; it costs a quarter of the fighter's own HP.
moves.STRUGGLE = { type = "typeless", category = "physical", power = 50, struggle = true }

--- @param name string
--- @return table? { type, category, power, accuracy?, pp, priority?, critical?, recoil?, stages? }
function moves.get(name)
  return ALL[name]
end

--- @return string[] all names, sorted
function moves.names()
  local names = {}
  for name in pairs(ALL) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

return moves
