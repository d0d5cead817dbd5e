--- What players do in a turn: plain functions on the state of book.lua. A function that refuses changes nothing and returns nil, code,
-- message, remedy.
local book = require("book")
local json = require("fleet.json")
local seal = require("seal")
local turn = require("turn")

local rounds = {}

local function finished(battle)
  if battle.status == "FINISHED" then
    return nil, "BATTLE_OVER", "this battle is FINISHED", "REPLAY_BATTLE shows how it went"
  end
  return true
end

-- Plays a turn: `choices` of both sides, and in a sealed battle their secrets after them.
local function resolve(state, battle, play, choices, now)
  play.history[battle.turn] = choices
  play.last = turn.resolve(play.arena, choices)
  battle.movedAt = now
  if play.arena.winner then
    book.finish(state, battle, play, now)
  else
    battle.turn = play.arena.turn
    battle.play = json.encode(play)
  end
end

--- Records a player's choice in an open battle; the turn is played when both have chosen.
--- @param state table
--- @param battle table
--- @param side integer
--- @param choice string as in turn.lua
--- @param now integer scheduler time, ms
--- @return table? { resolved: boolean, turn: integer }
function rounds.submit(state, battle, side, choice, now)
  local ok, code, message, remedy = finished(battle)
  if not ok then
    return nil, code, message, remedy
  elseif battle.pending[tostring(side)] then
    return nil, "ALREADY_MOVED", "you have already chosen for turn " .. battle.turn, "wait for your opponent"
  end
  local play = book.play(battle)
  code, message = turn.refusal(play.arena.sides[side], choice)
  if code then
    return nil, code, message, "use a choice that GET_BATTLE lists"
  end
  local played = battle.turn
  battle.pending[tostring(side)] = choice
  battle.movedAt = now
  if not battle.pending[tostring(3 - side)] then
    return { resolved = false, turn = played }
  end
  local choices = { battle.pending["1"], battle.pending["2"] }
  battle.pending = {}
  resolve(state, battle, play, choices, now)
  return { resolved = true, turn = played }
end

--- Records what a player has committed to in a sealed battle.
--- @param battle table
--- @param side integer
--- @param hash string see seal.lua
--- @param now integer scheduler time, ms
--- @param limit integer ms to show the choice, from the second commit
--- @return table? { resolved: false, turn: integer }
function rounds.commit(battle, side, hash, now, limit)
  local ok, code, message, remedy = finished(battle)
  if ok then
    ok, code, message, remedy = seal.commit(battle, side, hash, now, limit)
  end
  if not ok then
    return nil, code, message, remedy
  end
  return { resolved = false, turn = battle.turn }
end

local function endBy(state, battle, kind, by, winner, now)
  local play = book.play(battle)
  battle.ending = { kind = kind, by = by }
  play.arena.winner = winner
  book.finish(state, battle, play, now)
  return true
end

-- Ends a battle for the sides that have done their part of the turn: one of them wins, none or both is a draw.
local function endIdle(state, battle, done, now)
  if done[1] == done[2] then
    return endBy(state, battle, "ABANDONED", 0, 0, now)
  end
  return endBy(state, battle, "TIMEOUT", done[1] and 2 or 1, done[1] and 1 or 2, now)
end

local function partsDone(battle)
  local parts = battle.pending
  if battle.mode then
    parts = seal.phase(battle) == "REVEAL" and battle.shown or battle.seals
  end
  return { parts["1"] ~= nil, parts["2"] ~= nil }
end

local function isLate(battle, now)
  return battle.revealBy ~= nil and now > battle.revealBy
end

--- Shows a player's choice in a sealed battle; the turn is played when both have shown theirs. Whoever shows it too late loses, and
-- nobody wins if both are late: otherwise a player who has seen the other's choice could decide whether the turn counts.
--- @param state table
--- @param battle table
--- @param side integer
--- @param choice string
--- @param secret string
--- @param now integer scheduler time, ms
--- @return table? { resolved: boolean, turn: integer, late: boolean? }
function rounds.reveal(state, battle, side, choice, secret, now)
  local ok, code, message, remedy = finished(battle)
  if not ok then
    return nil, code, message, remedy
  end
  local played = battle.turn
  if isLate(battle, now) then
    endIdle(state, battle, partsDone(battle), now)
    return { resolved = false, turn = played, late = true }
  end
  ok, code, message, remedy = seal.mayShow(battle, side, choice, secret)
  if not ok then
    return nil, code, message, remedy
  end
  local play = book.play(battle)
  code, message = turn.refusal(play.arena.sides[side], choice)
  if code then
    return nil, code, message, "a commit cannot be changed: FORFEIT, or lose when the time is up"
  elseif not seal.show(battle, side, choice, secret) then
    return { resolved = false, turn = played }
  end
  local one, two = battle.shown["1"], battle.shown["2"]
  local choices = { one.choice, two.choice, one.secret, two.secret }
  seal.clear(battle)
  book.throw(battle, play.arena, played, choices)
  resolve(state, battle, play, choices, now)
  return { resolved = true, turn = played }
end

--- Forfeits a battle.
--- @param state table
--- @param battle table
--- @param side integer the side that forfeits
--- @param now integer
--- @return boolean? true
function rounds.forfeit(state, battle, side, now)
  local ok, code, message, remedy = finished(battle)
  if not ok then
    return nil, code, message, remedy
  end
  return endBy(state, battle, "FORFEIT", side, 3 - side, now)
end

--- Ends a battle whose other player has exceeded the time limit. If that player never agreed to the battle, which is possible in states
-- of earlier versions only, nobody wins.
--- @param state table
--- @param battle table
--- @param side integer the side that waits
--- @param now integer
--- @param limit integer ms that the other side has
--- @return boolean? true
function rounds.expire(state, battle, side, now, limit)
  local ok, code, message, remedy = finished(battle)
  local done = ok and partsDone(battle)
  if not ok then
    return nil, code, message, remedy
  elseif isLate(battle, now) then
    return endIdle(state, battle, done, now)
  elseif not done[side] then
    return nil, "YOUR_TURN", "it is your turn", battle.mode and seal.phase(battle) == "REVEAL" and "send REVEAL_MOVE" or "SUBMIT_MOVE first"
  end
  local left = (battle.revealBy or battle.movedAt + limit) - now
  if left > 0 or battle.revealBy then
    return nil, "TOO_EARLY", "the other player has " .. math.max(1, left) .. " ms left", "wait"
  end
  local absent = battle.turn == 1 and not battle.accepted
  return endBy(state, battle, absent and "ABANDONED" or "TIMEOUT", 3 - side, absent and 0 or side, now)
end

--- Until when a player who has done their part of a turn waits for the other.
--- @param battle table
--- @param limit integer ms that a player has for a move
--- @return integer? scheduler time, ms; nil if nobody waits alone
--- @return integer? the side that is waited for
function rounds.waitsUntil(battle, limit)
  local done = partsDone(battle)
  if done[1] == done[2] then
    return nil
  end
  return battle.revealBy or battle.movedAt + limit, done[1] and 2 or 1
end

--- Ends a battle that nobody continues.
--- @param state table
--- @param battle table
--- @param now integer
--- @param isDraw boolean? whether nobody wins; else whoever has done their part of the turn does
function rounds.abandon(state, battle, now, isDraw)
  endIdle(state, battle, isDraw and {} or partsDone(battle), now)
end

return rounds
