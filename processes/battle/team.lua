--- Teams: validation of teams that players send, and copies with the fields that a battle uses.
local cut = require("fleet.cut")
local moves = require("moves")
local types = require("types")

local team = {}

--- The most members of a team.
team.SIZE = 6

--- The longest id of a pokemon.
local LONGEST_ID = 64

--- The statistics of a fighter.
team.STATS = { "hp", "attack", "defense", "specialAttack", "specialDefense", "speed" }

local function integer(value, low, high)
  return type(value) == "number" and math.tointeger(value) ~= nil and value >= low and value <= high
end

local function list(value, low, high)
  if type(value) ~= "table" or #value < low or #value > high then
    return false
  end
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

local function memberProblem(member)
  if type(member) ~= "table" then
    return "is not an object"
  elseif type(member.species) ~= "string" or #member.species == 0 or #member.species > 32 then
    return "needs a species of 1 to 32 characters"
  elseif type(member.pokemonId) == "string" and #member.pokemonId > LONGEST_ID then
    return "has a pokemonId of more than " .. LONGEST_ID .. " characters"
  elseif not integer(member.level, 1, 100) then
    return "needs an integer level from 1 to 100"
  elseif not list(member.types, 1, 2) then
    return "needs one type or two"
  elseif not list(member.moves, 1, 4) then
    return "needs 1 to 4 moves"
  elseif type(member.stats) ~= "table" then
    return "needs stats"
  end
  for _, name in ipairs(member.types) do
    if not types.known(name) then
      return "has the unknown type " .. cut(tostring(name), 32)
    end
  end
  for _, name in ipairs(member.moves) do
    if type(name) ~= "string" or not moves.get(name) then
      return "has the unknown move " .. cut(tostring(name), 32)
    end
  end
  for _, name in ipairs(team.STATS) do
    if not integer(member.stats[name], 1, 999) then
      return "needs an integer stat " .. name .. " from 1 to 999"
    end
  end
  return nil
end

--- The first problem of a team.
--- @param members any
--- @return string? nil if the team is valid
function team.problem(members)
  if not list(members, 1, team.SIZE) then
    return "a team is a list of 1 to " .. team.SIZE .. " members"
  end
  for place, member in ipairs(members) do
    local problem = memberProblem(member)
    if problem then
      return "member " .. place .. " " .. problem
    end
  end
  return nil
end

--- A copy with exactly the fields that a battle uses.
--- @param members table[] a team without problem
--- @return table[]
function team.copy(members)
  local copy = {}
  for place, member in ipairs(members) do
    local stats = {}
    for _, name in ipairs(team.STATS) do
      stats[name] = math.tointeger(member.stats[name])
    end
    copy[place] = {
      pokemonId = type(member.pokemonId) == "string" and member.pokemonId or nil,
      species = member.species,
      level = math.tointeger(member.level),
      types = table.move(member.types, 1, #member.types, 1, {}),
      moves = table.move(member.moves, 1, #member.moves, 1, {}),
      stats = stats,
      baseExperience = integer(member.baseExperience, 1, 1000) and math.tointeger(member.baseExperience) or nil,
    }
  end
  return copy
end

return team
