--- How often two players have claimed prizes for battles against each other: each time, the next one is worth half, and every week it
-- recovers by one step. Two wallets of one person therefore earn little, however many battles they fight.
-- The state's member `pairings` is { counts: pair → prizes, times: pair → scheduler time of the latest, order: pairs, oldest first; claimed: pair →
-- { n, at }: claims that are neither paid nor released, and the time of the latest }.
local pairings = {}

--- Pairs that are remembered. A pair enters the list only by a prize that is paid, of which the shop's fund pays a limited number a day; a claim that
-- is refused there makes the process forget no other pair.
pairings.KEPT = 5000
--- Ms in which a pair recovers by one step.
pairings.STEP = 604800000
--- A prize that is worth less is not paid.
pairings.LEAST = 25

local function of(state)
  state.pairings = state.pairings or { counts = {}, times = {}, order = {} }
  -- States of earlier versions, which counted claims like prizes, have none.
  state.pairings.claimed = state.pairings.claimed or {}
  return state.pairings
end

local function keyOf(battle)
  local one, two = battle.players[1], battle.players[2]
  return one < two and one .. "/" .. two or two .. "/" .. one
end

local function steps(book, key, now)
  return math.max(0, (book.counts[key] or 0) - (now - (book.times[key] or now)) // pairings.STEP)
end

--- What a battle's prize is worth now.
--- @param state table
--- @param battle table finished
--- @param now integer scheduler time, ms
--- @return integer amount, 0 if it is too little to be paid
--- @return integer steps by which it has been halved
function pairings.worth(state, battle, now)
  local book, key = of(state), keyOf(battle)
  local claims = book.claimed[key]
  local n = steps(book, key, now) + (claims and math.max(0, claims.n - (now - claims.at) // pairings.STEP) or 0)
  local amount = n < 32 and battle.prize.amount >> n or 0
  return amount >= pairings.LEAST and amount or 0, n
end

--- Counts a claim.
--- @param state table
--- @param battle table
--- @param now integer scheduler time, ms
function pairings.take(state, battle, now)
  local book, key = of(state), keyOf(battle)
  book.claimed[key] = { n = (book.claimed[key] and book.claimed[key].n or 0) + 1, at = now }
  battle.prize.isCounted = true
end

--- Takes back a claim that was not paid.
--- @param state table
--- @param battle table
function pairings.giveBack(state, battle)
  local book, key = of(state), keyOf(battle)
  local claims = book.claimed[key]
  if battle.prize.isCounted then
    book.claimed[key] = claims and claims.n > 1 and { n = claims.n - 1, at = claims.at } or nil
    battle.prize.isCounted = nil
  elseif book.counts[key] then
    book.counts[key] = math.max(0, book.counts[key] - 1)
  end
end

--- Counts a prize that is paid, instead of its claim.
--- @param state table
--- @param battle table
--- @param now integer scheduler time, ms
function pairings.pay(state, battle, now)
  if not battle.prize.isCounted then
    return
  end
  pairings.giveBack(state, battle)
  local book, key = of(state), keyOf(battle)
  local n = steps(book, key, now)
  if not book.counts[key] then
    book.order[#book.order + 1] = key
    if #book.order > pairings.KEPT then
      local gone = table.remove(book.order, 1)
      book.counts[gone], book.times[gone] = nil, nil
    end
  end
  book.counts[key], book.times[key] = n + 1, now
end

return pairings
