--- The battles: plain functions on the state { battles: id → battle, finished: ids, oldest first }.
-- A battle's teams and its play { arena, history, last } are stored as JSON strings: all tables of the state are copied
-- before every message, and as tables a full state would have a hundred thousand of them, as strings a few per battle.
-- A function that refuses changes nothing and returns nil, code, message, remedy.
local damage = require("damage")
local digest = require("digest")
local json = require("fleet.json")
local random = require("random")
local rewards = require("rewards")
local turn = require("turn")

local book = {}

--- The number of finished battles that are kept, of open battles, and of open battles per player.
book.KEEP_FINISHED, book.MAX_OPEN, book.MAX_OPEN_EACH = 200, 1000, 8

--- The number of open battles.
--- @param state table
--- @param player string?
--- @return integer of all players
--- @return integer of this player
function book.open(state, player)
  local all, own = 0, 0
  for _, battle in pairs(state.battles) do
    if battle.status == "ACTIVE" then
      all = all + 1
      if battle.players[1] == player or battle.players[2] == player then
        own = own + 1
      end
    end
  end
  return all, own
end

--- Whether this player may start another battle.
--- @param state table
--- @param player string
--- @param id string?
--- @return boolean? true
function book.mayStart(state, player, id)
  local all, own = book.open(state, player)
  if id and state.battles[id] then
    return nil, "BATTLE_EXISTS", "the battle " .. id .. " already exists", "choose another battleId or omit it"
  elseif own >= book.MAX_OPEN_EACH then
    return nil, "TOO_MANY_BATTLES", "you have " .. own .. " open battles", "finish or forfeit one first"
  elseif all >= book.MAX_OPEN then
    return nil, "BUSY", all .. " battles are open", "try again later"
  end
  return true
end

--- Opens a battle.
--- @param state table
--- @param request table { id, players: two addresses, teams: two teams, ranked: boolean, now: scheduler time }
--- @return table battle
function book.start(state, request)
  local battle = {
    id = request.id, status = "ACTIVE", ranked = request.ranked, players = request.players, turn = 1, pending = {},
    seed = request.id .. "@" .. tostring(request.now), startedAt = request.now, movedAt = request.now,
  }
  battle.teams = json.encode(request.teams)
  battle.play = json.encode({ arena = turn.arena(request.teams, battle.seed), history = {}, last = {} })
  state.battles[battle.id] = battle
  return battle
end

--- @param battle table
--- @param player string
--- @return integer? the player's side, 1 or 2
function book.side(battle, player)
  return battle.players[1] == player and 1 or battle.players[2] == player and 2 or nil
end

--- A battle with its decoded parts, for reading.
--- @param battle table
--- @return table a copy with teams, arena, history (choices of each turn) and last (events of the latest turn)
function book.unfold(battle)
  local whole = json.decode(battle.play)
  for key, value in pairs(battle) do
    whole[key] = value
  end
  whole.teams = json.decode(battle.teams)
  return whole
end

local function finish(state, battle, play, now)
  local winner = play.arena.winner
  battle.winner, battle.turn = battle.players[winner], #play.history
  battle.status, battle.finishedAt, battle.pending = "FINISHED", now, {}
  battle.digest = book.digest(play.arena, battle.ending)
  local fought = { arena = play.arena, teams = json.decode(battle.teams) }
  local awards = battle.ranked and rewards.experience(fought) or {}
  battle.experience = { status = #awards > 0 and "PENDING" or "NONE", awards = awards }
  local prize = battle.ranked and rewards.prize(fought) or 0
  battle.prize = { status = prize > 0 and "OPEN" or "NONE", amount = prize }
  battle.play = json.encode(play)
  state.finished[#state.finished + 1] = battle.id
  if #state.finished > book.KEEP_FINISHED then
    state.battles[table.remove(state.finished, 1)] = nil
  end
end

local function finished(battle)
  if battle.status ~= "ACTIVE" then
    return nil, "BATTLE_OVER", "this battle is " .. battle.status, "REPLAY_BATTLE shows how it went"
  end
  return true
end

--- Records a player's choice; the turn is played when both have chosen.
--- @param state table
--- @param battle table
--- @param side integer
--- @param choice string as in turn.lua
--- @param now integer scheduler time, ms
--- @return table? { resolved: boolean, turn: integer }
function book.submit(state, battle, side, choice, now)
  local ok, code, message, remedy = finished(battle)
  if not ok then
    return nil, code, message, remedy
  elseif battle.pending[tostring(side)] then
    return nil, "ALREADY_MOVED", "you have already chosen for turn " .. battle.turn, "wait for your opponent"
  end
  local play = json.decode(battle.play)
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
  play.history[played] = choices
  play.last = turn.resolve(play.arena, choices)
  if play.arena.winner then
    finish(state, battle, play, now)
  else
    battle.turn = play.arena.turn
    battle.play = json.encode(play)
  end
  return { resolved = true, turn = played }
end

local function endBy(state, battle, kind, by, winner, now)
  local play = json.decode(battle.play)
  battle.ending = { kind = kind, by = by }
  play.arena.winner = winner
  finish(state, battle, play, now)
  return true
end

--- Forfeits a battle.
--- @param state table
--- @param battle table
--- @param side integer the side that forfeits
--- @param now integer
--- @return boolean? true
function book.forfeit(state, battle, side, now)
  local ok, code, message, remedy = finished(battle)
  if not ok then
    return nil, code, message, remedy
  end
  return endBy(state, battle, "FORFEIT", side, 3 - side, now)
end

--- Ends a battle whose other player has exceeded the time limit. If that player never moved, nobody wins.
--- @param state table
--- @param battle table
--- @param side integer the side that waits
--- @param now integer
--- @param limit integer ms that the other side has
--- @return boolean? true
function book.expire(state, battle, side, now, limit)
  local ok, code, message, remedy = finished(battle)
  if not ok then
    return nil, code, message, remedy
  elseif not battle.pending[tostring(side)] then
    return nil, "YOUR_TURN", "it is your turn", "SUBMIT_MOVE first"
  elseif now - battle.movedAt < limit then
    return nil, "TOO_EARLY", "the other player has " .. limit - (now - battle.movedAt) .. " ms left", "wait"
  end
  local absent = battle.turn == 1
  return endBy(state, battle, absent and "ABANDONED" or "TIMEOUT", 3 - side, absent and 0 or side, now)
end

--- Replays the battle from its seed, teams and choices.
--- @param battle table unfolded
--- @return table arena
function book.replay(battle)
  local arena = turn.arena(battle.teams, battle.seed)
  for _, choices in ipairs(battle.history) do
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
