--- The damage formula of the main series since the fifth generation, in integers only.
-- base = floor(floor(floor(2L/5 + 2) * power * A / D) / 50) + 2, then critical, random, same type, effectiveness, each rounded down.
local types = require("types")

local damage = {}

--- The odds of a critical hit by critical stage: one in this many.
damage.CRITICAL_ODDS = { [0] = 24, [1] = 8, [2] = 2, [3] = 1 }

--- The random factor's range, in percent.
damage.LOWEST_ROLL, damage.HIGHEST_ROLL = 85, 100

--- A statistic changed by its stage (-6 to 6): 2/8, … 2/2, … 8/2.
--- @param value integer
--- @param stage integer
--- @return integer at least 1
function damage.staged(value, stage)
  stage = math.max(-6, math.min(6, stage))
  local result = value * math.max(2, 2 + stage) // math.max(2, 2 - stage)
  return math.max(1, result)
end

--- Damage of one hit.
--- @param hit table { level, power, attack, defense, stab?, critical?, roll? 85–100 (default 100), quarters? type factor × 4 (default 4) }
--- @return integer 0 when the type has no effect, otherwise at least 1
function damage.hit(hit)
  local quarters = hit.quarters or 4
  if quarters == 0 then
    return 0
  end
  local amount = (2 * hit.level // 5 + 2) * hit.power * hit.attack // hit.defense // 50 + 2
  if hit.critical then
    amount = amount * 3 // 2
  end
  amount = amount * (hit.roll or damage.HIGHEST_ROLL) // 100
  if hit.stab then
    amount = amount * 3 // 2
  end
  return math.max(1, amount * quarters // 4)
end

local function has(list, value)
  for _, each in ipairs(list) do
    if each == value then
      return true
    end
  end
  return false
end

--- The damage of a move for given random results.
-- A critical hit ignores the attacker's lowered and the defender's raised stages.
--- @param attacker table a fighter: { level, types, stats, stages }
--- @param defender table a fighter
--- @param move table { type, power, category "physical"|"special" }
--- @param critical boolean
--- @param roll integer 85–100
--- @return integer damage
--- @return integer quarters the type factor × 4
function damage.of(attacker, defender, move, critical, roll)
  local special = move.category == "special"
  local offence, defence = special and "specialAttack" or "attack", special and "specialDefense" or "defense"
  local up, down = attacker.stages[offence] or 0, defender.stages[defence] or 0
  if critical then
    up, down = math.max(0, up), math.min(0, down)
  end
  local quarters = types.effectiveness(move.type, defender.types)
  return damage.hit({
    level = attacker.level,
    power = move.power,
    attack = damage.staged(attacker.stats[offence], up),
    defense = damage.staged(defender.stats[defence], down),
    stab = has(attacker.types, move.type),
    critical = critical,
    roll = roll,
    quarters = quarters,
  }),
    quarters
end

return damage
