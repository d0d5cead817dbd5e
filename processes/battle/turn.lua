--- The rules of one turn, on plain data: the same arena, choices and generator state always give the same result.
-- A choice is a string, as stored in a battle's history: "tackle" (a move), ">2" (switch to the second member).
local damage = require("damage")
local moves = require("moves")
local random = require("random")

local turn = {}

--- A battle ends in a draw after this many turns, so that endless switching is impossible.
turn.LIMIT = 300

--- @param side table
--- @return table the active fighter
local function active(side)
  return side.team[side.active]
end
turn.active = active

local function slotOf(fighter, name)
  for _, slot in ipairs(fighter.moves) do
    if slot.name == name then
      return slot
    end
  end
end

local function outOfPP(fighter)
  for _, slot in ipairs(fighter.moves) do
    if slot.pp > 0 then
      return false
    end
  end
  return true
end

--- Why a choice is not allowed now.
--- @param side table
--- @param choice string
--- @return string? code
--- @return string? message
function turn.refusal(side, choice)
  local to = choice:match("^>(%d+)$")
  if to then
    local fighter = side.team[tonumber(to)]
    if not fighter then
      return "BAD_SWITCH", "the team has no member " .. to
    elseif tonumber(to) == side.active then
      return "BAD_SWITCH", "member " .. to .. " is already in the field"
    elseif fighter.hp <= 0 then
      return "BAD_SWITCH", "member " .. to .. " has fainted"
    end
    return nil
  end
  local fighter = active(side)
  if outOfPP(fighter) then
    if choice ~= "struggle" then
      return "NO_PP", "no move has PP left: only struggle is allowed"
    end
    return nil
  end
  local slot = slotOf(fighter, choice)
  if not slot then
    return "UNKNOWN_MOVE", fighter.species .. " does not know " .. choice
  elseif slot.pp <= 0 then
    return "NO_PP", choice .. " has no PP left"
  end
  return nil
end

local function speed(side)
  local fighter = active(side)
  return damage.staged(fighter.stats.speed, fighter.stages.speed or 0)
end

--- The order of actions: switches first, then by priority, then by speed; ties are decided at random.
local function order(arena, choices)
  local function rank(side)
    local choice = choices[side]
    if choice:sub(1, 1) == ">" then
      return 100
    end
    local move = moves.get(choice)
    return move and move.priority or 0
  end
  local first, second = rank(1), rank(2)
  if first == second then
    first, second = speed(arena.sides[1]), speed(arena.sides[2])
  end
  if first == second then
    first, second = random.below(arena.rng, 2), 0
    return first == 0 and { 1, 2 } or { 2, 1 }
  end
  return first > second and { 1, 2 } or { 2, 1 }
end

local function sendIn(side, index)
  active(side).stages = {}
  side.active = index
  side.seen[index] = true
end

local function hurt(fighter, amount)
  local taken = math.min(fighter.hp, amount)
  fighter.hp = fighter.hp - taken
  return taken
end

local function strike(arena, event, attacker, defender, move)
  local critical = random.below(arena.rng, damage.CRITICAL_ODDS[move.critical or 0]) == 0
  local roll = random.between(arena.rng, damage.LOWEST_ROLL, damage.HIGHEST_ROLL)
  local amount, quarters = damage.of(attacker, defender, move, critical, roll)
  event.quarters = quarters
  if quarters == 0 then
    return
  end
  event.critical = critical or nil
  event.damage = hurt(defender, amount)
  if move.recoil then
    event.recoil = hurt(attacker, math.max(1, event.damage // move.recoil))
  elseif move.struggle then
    event.recoil = hurt(attacker, math.max(1, attacker.stats.hp // 4))
  end
end

local function act(arena, index, choice)
  local side, foe = arena.sides[index], arena.sides[3 - index]
  local to = choice:match("^>(%d+)$")
  if to then
    sendIn(side, tonumber(to))
    return { side = index, switch = side.active }
  end
  local attacker, defender = active(side), active(foe)
  local move = choice == "struggle" and moves.STRUGGLE or moves.get(choice)
  local slot = slotOf(attacker, choice)
  if slot then
    slot.pp = slot.pp - 1
  end
  local event = { side = index, move = choice }
  if move.accuracy and random.between(arena.rng, 1, 100) > move.accuracy then
    event.missed = true
  elseif move.stages then
    local who = move.stages.target == "self" and attacker or defender
    local before = who.stages[move.stages.stat] or 0
    local after = math.max(-6, math.min(6, before + move.stages.by))
    who.stages[move.stages.stat] = after
    event.stat, event.by = move.stages.stat, after - before
  elseif move.power > 0 then
    strike(arena, event, attacker, defender, move)
  end
  return event
end

local function nextHealthy(side)
  for index, fighter in ipairs(side.team) do
    if fighter.hp > 0 then
      return index
    end
  end
end

--- A side without fighters loses; if both have none, the side that struck last wins.
local function settle(arena, striker)
  local beaten = { not nextHealthy(arena.sides[1]), not nextHealthy(arena.sides[2]) }
  if beaten[1] and beaten[2] then
    arena.winner = striker
  elseif beaten[1] or beaten[2] then
    arena.winner = beaten[1] and 2 or 1
  end
  return arena.winner
end

--- A new arena. The given teams are not changed.
--- @param teams table[] two teams of members { id?, species, level, types, stats, moves: names }
--- @param seedText string
--- @return table arena { turn, rng, sides }
function turn.arena(teams, seedText)
  local arena = { turn = 1, rng = random.fromText(seedText), sides = {} }
  for index, team in ipairs(teams) do
    local side = { active = 1, seen = { true }, team = {} }
    for place, member in ipairs(team) do
      local fighter = {
        species = member.species, level = member.level, types = member.types,
        stats = member.stats, hp = member.stats.hp, stages = {}, moves = {},
      }
      for i, name in ipairs(member.moves) do
        fighter.moves[i] = { name = name, pp = moves.get(name).pp }
      end
      side.team[place] = fighter
      side.seen[place] = place == 1
    end
    arena.sides[index] = side
  end
  return arena
end

--- Plays one turn. Choices must have passed turn.refusal.
--- @param arena table changed in place
--- @param choices string[] one of each side
--- @return table[] events in the order in which they happened
function turn.resolve(arena, choices)
  local events = {}
  for _, index in ipairs(order(arena, choices)) do
    if active(arena.sides[index]).hp > 0 and not arena.winner then
      local event = act(arena, index, choices[index])
      local fallen = {}
      for each = 1, 2 do
        if active(arena.sides[each]).hp <= 0 then
          fallen[#fallen + 1] = each
        end
      end
      event.fainted = #fallen > 0 and fallen or nil
      events[#events + 1] = event
      settle(arena, index)
    end
  end
  for index = 1, 2 do
    local side = arena.sides[index]
    if not arena.winner and active(side).hp <= 0 then
      sendIn(side, nextHealthy(side))
      events[#events + 1] = { side = index, switch = side.active, forced = true }
    end
  end
  arena.turn = arena.turn + 1
  if not arena.winner and arena.turn > turn.LIMIT then
    arena.winner = 0
  end
  return events
end

return turn
