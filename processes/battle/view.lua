--- The view of a battle: the viewer's own team in full, of the other only the fighters seen in the field.
-- This is how the game is shown, and protects nothing: anybody can read the whole state of a process by a dry run, and every message that
-- it got. What must stay unknown until both players are bound is sealed (seal.lua).
local moves = require("moves")
local challenges = require("challenges")
local seal = require("seal")
local turn = require("turn")

local view = {}

local function fighter(place, one, own, known)
  local shown = { place = place, fainted = one.hp <= 0 }
  if own or known then
    shown.species, shown.level, shown.types = one.species, one.level, one.types
    shown.hp, shown.maxHp = one.hp, one.stats.hp
  end
  if own then
    shown.stats, shown.stages, shown.moves = one.stats, one.stages, {}
    for i, slot in ipairs(one.moves) do
      shown.moves[i] = { name = slot.name, pp = slot.pp, maxPp = moves.get(slot.name).pp }
    end
  end
  return shown
end

local function side(battle, index, own)
  local arena = battle.arena.sides[index]
  local shown = { player = battle.players[index], active = arena.active, team = {} }
  local part = tostring(index)
  shown.hasMoved = (battle.mode and battle.seals or battle.pending)[part] ~= nil
  shown.hasShown = battle.mode and battle.shown[part] ~= nil or nil
  for place, one in ipairs(arena.team) do
    shown.team[place] = fighter(place, one, own, arena.seen[place])
  end
  return shown
end

--- The outcome of a battle.
--- @param battle table unfolded or not
--- @return table
function view.outcome(battle)
  local over = battle.status == "FINISHED"
  return {
    battleId = battle.id, status = battle.status, turn = battle.turn,
    winner = battle.winner,
    draw = over and not battle.winner or nil,
    ending = over and (battle.ending and battle.ending.kind or "FOUGHT") or nil,
  }
end

--- A whole battle, as a side may see it.
--- @param battle table unfolded
--- @param as integer? the side that asks; nil: a spectator
--- @return table
function view.battle(battle, as)
  local over = battle.status == "FINISHED"
  local shown = view.outcome(battle)
  shown.mode = battle.mode or "OPEN"
  if not over then
    shown.phase, shown.revealBy = battle.mode and seal.phase(battle) or nil, battle.revealBy
    shown.acceptBy = battle.status == "CHALLENGED" and battle.startedAt + challenges.LIFETIME or nil
    shown.hidden = "only from this view: the state of a process is public"
  end
  shown.ranked, shown.startedAt, shown.finishedAt = battle.ranked, battle.startedAt, battle.finishedAt
  shown.sides = { side(battle, 1, over or as == 1), side(battle, 2, over or as == 2) }
  shown.events = battle.last
  if over then
    shown.seed, shown.digest, shown.prize, shown.experience = battle.seed, battle.digest, battle.prize, battle.experience
  elseif as then
    local fighterNow = turn.active(battle.arena.sides[as])
    shown.choices = {}
    for _, slot in ipairs(fighterNow.moves) do
      if slot.pp > 0 then
        shown.choices[#shown.choices + 1] = slot.name
      end
    end
    if #shown.choices == 0 then
      shown.choices[1] = "struggle"
    end
    for place in ipairs(battle.arena.sides[as].team) do
      local choice = ">" .. place
      if not turn.refusal(battle.arena.sides[as], choice) then
        shown.choices[#shown.choices + 1] = choice
      end
    end
  end
  return shown
end

return view
