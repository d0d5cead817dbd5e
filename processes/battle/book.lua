--- The battles: plain functions on the state { battles: id → battle, finished: ids, oldest first }, and the members of challenges.lua and
-- pairings.lua. A battle's status is CHALLENGED, ACTIVE or FINISHED; its mode is SEALED (seal.lua), or nil for an open one, in which
-- choices are sent as they are and the dice follow from the seed, so both are known in advance to whoever looks.
-- A battle's teams and its play { arena, history, last } are stored as JSON strings: as tables, a full state would have a hundred
-- thousand of them, as strings a few per battle.
-- A function that refuses changes nothing and returns nil, code, message, remedy.
local archive = require("archive")
local challenges = require("challenges")
local damage = require("damage")
local digest = require("digest")
local json = require("fleet.json")
local random = require("random")
local rewards = require("rewards")
local seal = require("seal")
local turn = require("turn")

local book = {}

--- Makes a challenge.
--- @param state table
--- @param request table { id, players: two addresses, teams: two teams, ranked: boolean, sealed: boolean, now: scheduler time }
--- @return table battle
function book.challenge(state, request)
  local battle = {
    id = request.id, status = "CHALLENGED", ranked = request.ranked, players = request.players, turn = 1, pending = {},
    seed = request.id .. "@" .. tostring(request.now), startedAt = request.now, movedAt = request.now,
  }
  -- What prize and experience are paid by: an id can be used again when the battle with it is forgotten.
  battle.awardId = battle.seed
  if request.sealed then
    battle.mode = "SEALED"
    seal.clear(battle)
  end
  battle.teams = json.encode(request.teams)
  challenges.add(state, battle, request.now)
  return battle
end

--- Starts the battle of a challenge. What the challenger has already chosen counts.
--- @param state table
--- @param battle table
--- @param now integer scheduler time, ms
--- @return table battle
function book.start(state, battle, now)
  battle.play = json.encode(book.play(battle))
  battle.status, battle.startedAt, battle.movedAt, battle.accepted = "ACTIVE", now, now, true
  state.challenges[battle.id] = nil
  state.battles[battle.id] = battle
  return battle
end

--- @param state table
--- @param id string
--- @param now integer scheduler time, ms
--- @return table? a battle or a challenge
function book.find(state, id, now)
  return state.battles[id] or challenges.find(state, id, now)
end

--- @param battle table
--- @param player string
--- @return integer? the player's side, 1 or 2
function book.side(battle, player)
  return battle.players[1] == player and 1 or battle.players[2] == player and 2 or nil
end

--- The decoded play of a battle; that of a challenge has not begun.
--- @param battle table
--- @return table { arena, history, last }
function book.play(battle)
  if battle.play then
    return json.decode(battle.play)
  end
  return { arena = turn.arena(json.decode(battle.teams), battle.seed), history = {}, last = {} }
end

--- A battle with its decoded parts, for reading.
--- @param battle table
--- @return table a copy with teams, arena, history (choices of each turn) and last (events of the latest turn)
function book.unfold(battle)
  local whole = book.play(battle)
  for key, value in pairs(battle) do
    whole[key] = value
  end
  whole.teams = json.decode(battle.teams)
  return whole
end

--- Ends a battle.
--- @param state table
--- @param battle table
--- @param play table decoded; play.arena.winner is the side that has won, 0 for a draw
--- @param now integer scheduler time, ms
function book.finish(state, battle, play, now)
  local winner = play.arena.winner
  battle.winner, battle.turn = battle.players[winner], #play.history
  battle.status, battle.finishedAt, battle.pending = "FINISHED", now, {}
  if battle.mode then
    seal.clear(battle)
  end
  battle.digest = book.digest(play.arena, battle.ending)
  local fought = { arena = play.arena, teams = json.decode(battle.teams) }
  local awards = battle.ranked and rewards.experience(fought) or {}
  battle.experience = { status = #awards > 0 and "PENDING" or "NONE", awards = awards }
  local prize = battle.ranked and rewards.prize(fought) or 0
  battle.prize = { status = prize > 0 and "OPEN" or "NONE", amount = prize }
  battle.play = json.encode(play)
  state.finished[#state.finished + 1] = battle.id
  archive.trim(state)
end

--- Sets the dice of a sealed turn.
--- @param battle table
--- @param arena table changed in place
--- @param number integer turn
--- @param choices string[] of both sides, then their secrets
function book.throw(battle, arena, number, choices)
  arena.rng = random.fromText(seal.dice(battle, number, { choices[3], choices[4] }))
end

--- Replays the battle from its seed, teams and choices.
--- @param battle table unfolded
--- @return table arena
function book.replay(battle)
  local arena = turn.arena(battle.teams, battle.seed)
  for number, choices in ipairs(battle.history) do
    if choices[3] then
      book.throw(battle, arena, number, choices)
    end
    turn.resolve(arena, choices)
  end
  if battle.ending then
    arena.winner = battle.arena.winner
  end
  return arena
end

--- @param arena table
--- @param ending table?
--- @return string sha256 of the final arena and the ending
function book.digest(arena, ending)
  return digest.of({ arena = arena, ending = ending or "FOUGHT" })
end

--- Whether this code can continue every battle.
--- @param state table
--- @return boolean
--- @return string detail
function book.consistent(state)
  local open, over = 0, 0
  for id, battle in pairs(state.battles) do
    if battle.id ~= id or #battle.players ~= 2 or type(battle.play) ~= "string" then
      return false, "battle " .. id .. " is invalid"
    end
    if battle.status == "ACTIVE" then
      open = open + 1
    else
      over = over + 1
    end
  end
  for id, challenge in pairs(state.challenges or {}) do
    if challenge.id ~= id or challenge.status ~= "CHALLENGED" then
      return false, "challenge " .. id .. " is invalid"
    end
  end
  return over == #state.finished, open .. " open, " .. over .. " finished"
end

--- Checks the random numbers against PCG32's reference sequence, and the damage against a published example.
--- @return boolean
--- @return string detail
function book.selfTest()
  local dice = random.new(42, 54)
  local first, second = random.next(dice), random.next(dice)
  local hit = damage.hit({ level = 75, power = 65, attack = 123, defense = 163, stab = true, quarters = 16, roll = 85 })
  local good = first == 0xa15c02b7 and second == 0x7b47f409 and hit == 168
  return good, good and "random numbers and damage match the references" or "random numbers or damage differ from the references"
end

return book
