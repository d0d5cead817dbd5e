--- Challenges: battles that the second player has not agreed to yet, in the state's member `challenges` (id → battle). They take no place
-- among the open battles, and count for the challenger alone, so nobody can be kept from playing by being named.
local challenges = {}

--- The number of challenges of all players and of one player, and ms after which one expires.
challenges.MAX, challenges.MAX_EACH, challenges.LIFETIME = 1000, 8, 600000

--- States of earlier versions have none.
--- @param state table
--- @return table id → battle
function challenges.all(state)
  state.challenges = state.challenges or {}
  return state.challenges
end

local function isOver(challenge, now)
  return now - challenge.startedAt >= challenges.LIFETIME
end

--- Ms that are left to accept a challenge.
--- @param challenge table
--- @param now integer scheduler time, ms
--- @return integer
function challenges.left(challenge, now)
  return challenge.startedAt + challenges.LIFETIME - now
end

--- @param state table
--- @param id string
--- @param now integer scheduler time, ms
--- @return table? the challenge, unless it has expired
function challenges.find(state, id, now)
  local challenge = state.challenges and state.challenges[id]
  return challenge and not isOver(challenge, now) and challenge or nil
end

-- Removes expired challenges. Returns how many are left, and how many of them each challenger has.
local function sweep(state, now)
  local count, each = 0, {}
  for id, challenge in pairs(challenges.all(state)) do
    if isOver(challenge, now) then
      state.challenges[id] = nil
    else
      local player = challenge.players[1]
      count, each[player] = count + 1, (each[player] or 0) + 1
    end
  end
  return count, each
end

-- The oldest challenge of the player with the most: whoever fills the list loses a place in it.
local function surplus(state, each)
  local worst
  for id, challenge in pairs(state.challenges) do
    local most = worst and each[worst.players[1]] or 0
    local own = each[challenge.players[1]]
    local older = worst and (challenge.startedAt < worst.startedAt or challenge.startedAt == worst.startedAt and id < worst.id)
    if own > most or own == most and older then
      worst = challenge
    end
  end
  return worst.id
end

--- Whether a player may make another challenge.
--- @param state table
--- @param player string
--- @param now integer scheduler time, ms
--- @return boolean? true
function challenges.mayMake(state, player, now)
  local _, each = sweep(state, now)
  if (each[player] or 0) >= challenges.MAX_EACH then
    return nil, "TOO_MANY_BATTLES", "you have " .. each[player] .. " open challenges", "wait for an answer, or FORFEIT one first"
  end
  return true
end

--- Adds a challenge. If the list is full, the player with the most challenges loses the oldest one.
--- @param state table
--- @param battle table of book.lua
--- @param now integer scheduler time, ms
function challenges.add(state, battle, now)
  local count, each = sweep(state, now)
  if count >= challenges.MAX then
    state.challenges[surplus(state, each)] = nil
  end
  challenges.all(state)[battle.id] = battle
end

return challenges
