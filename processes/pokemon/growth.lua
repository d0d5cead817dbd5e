--- Levels, experience, natures and statistics (the formulas in use since the third generation), in integers only.
local growth = {}

--- The highest level.
growth.MAX_LEVEL = 100
--- The most effort a pokemon can gain in one statistic and in all.
growth.MAX_EFFORT, growth.MAX_EFFORT_TOTAL = 252, 510

--- The statistics in the order of the games.
growth.STATS = { "hp", "attack", "defense", "specialAttack", "specialDefense", "speed" }

-- A nature's row in this square is the statistic that it raises, its column the one that it lowers, both in the order of SIDES.
local SIDES = { "attack", "defense", "speed", "specialAttack", "specialDefense" }
local SQUARE = {
  { "hardy", "lonely", "brave", "adamant", "naughty" },
  { "bold", "docile", "relaxed", "impish", "lax" },
  { "timid", "hasty", "serious", "jolly", "naive" },
  { "modest", "mild", "quiet", "bashful", "rash" },
  { "calm", "gentle", "sassy", "careful", "quirky" },
}

local natures = {}
--- All natures, in the square's order.
growth.NATURES = {}
for row, names in ipairs(SQUARE) do
  for column, name in ipairs(names) do
    natures[name] = { up = SIDES[row], down = SIDES[column] }
    growth.NATURES[#growth.NATURES + 1] = name
  end
end

--- Experience needed for a level, medium-fast group: n³ (level 1 needs none).
--- @param level integer
--- @return integer
function growth.experienceFor(level)
  return level <= 1 and 0 or level * level * level
end

--- @param experience integer
--- @return integer the level reached, at most 100
function growth.levelOf(experience)
  local level = 1
  while level < growth.MAX_LEVEL and experience >= growth.experienceFor(level + 1) do
    level = level + 1
  end
  return level
end

--- @param name string
--- @return boolean
function growth.isNature(name)
  return natures[name] ~= nil
end

--- One statistic.
--- @param stat string
--- @param base integer of the species
--- @param iv integer 0–31
--- @param ev integer 0–252
--- @param level integer
--- @param nature string
--- @return integer
function growth.stat(stat, base, iv, ev, level, nature)
  local core = (2 * base + iv + ev // 4) * level // 100
  if stat == "hp" then
    return core + level + 10
  end
  local value = core + 5
  local n = natures[nature]
  if n.up ~= n.down then
    if n.up == stat then
      return value * 110 // 100
    elseif n.down == stat then
      return value * 90 // 100
    end
  end
  return value
end

--- All six statistics.
--- @param base table
--- @param ivs table
--- @param evs table
--- @param level integer
--- @param nature string
--- @return table stat → value
function growth.stats(base, ivs, evs, level, nature)
  local stats = {}
  for _, name in ipairs(growth.STATS) do
    stats[name] = growth.stat(name, base[name], ivs[name] or 0, evs[name] or 0, level, nature)
  end
  return stats
end

--- Adds effort up to the limits; the excess is lost, as in the games.
--- @param evs table changed in place
--- @param gained table stat → amount
function growth.addEffort(evs, gained)
  local total = 0
  for _, name in ipairs(growth.STATS) do
    total = total + (evs[name] or 0)
  end
  for _, name in ipairs(growth.STATS) do
    local have = evs[name] or 0
    local room = math.min(growth.MAX_EFFORT - have, growth.MAX_EFFORT_TOTAL - total)
    local add = math.max(0, math.min(room, math.tointeger(gained[name] or 0)))
    evs[name] = have + add
    total = total + add
  end
end

return growth
