--- The fund that prizes are paid out of: plain functions on the shop's state, whose member `prizes` is
-- { left, day, paid: in that day, players: account → paid in that day }.
-- Wallets are free, so a player can win against wallets of their own without end. The fund bounds what that can earn in total: it only
-- gets money from deployers. The limits of a day bound how fast it can be emptied, and how much of it one account can get.
local till = require("till")
local fleet = require("fleet")

local fund = {}

--- What a new shop's fund holds.
fund.INITIAL = 1000000
--- What it pays in a day to all accounts, and to one; ENVIRONMENT_VARS.PRIZES_PER_DAY and PRIZES_PER_PLAYER override them.
fund.PER_DAY, fund.PER_PLAYER = 40000, 4000

local DAY = 86400000

local function limit(name, default)
  local value = math.tointeger(tonumber(fleet.config("ENVIRONMENT_VARS", name, nil)))
  return value and value >= 0 and value or default
end

-- States of earlier versions have no fund.
local function of(state)
  state.prizes = state.prizes or { left = fund.INITIAL, day = 0, paid = 0, players = {} }
  return state.prizes
end

local function paidOn(prizes, day, address)
  if prizes.day ~= day then return 0, 0 end
  return prizes.paid, prizes.players[address] or 0
end

--- Pays a prize. A repetition with the same id changes nothing.
--- @param state table of the shop
--- @param address string
--- @param amount integer at least 1
--- @param ids table { creditId, earlierId }: as for till.credit
--- @param now integer scheduler time, ms
--- @return table? { account, amount, balance, repeated }
function fund.pay(state, address, amount, ids, now)
  if ids.creditId and till.creditOf(state, ids.creditId) then
    return till.credit(state, address, amount, ids.creditId)
  end
  local prizes, day = of(state), now // DAY
  local all, own = paidOn(prizes, day, address)
  if amount > prizes.left then
    return nil, "PRIZE_FUND_EMPTY", "the fund for prizes holds " .. prizes.left, "the prize is kept: claim it again when a deployer has sent FUND_PRIZES"
  elseif all + amount > limit("PRIZES_PER_DAY", fund.PER_DAY) then
    return nil, "PRIZE_LIMIT", "the prizes of today are paid out", "the prize is kept: claim it again tomorrow"
  elseif own + amount > limit("PRIZES_PER_PLAYER", fund.PER_PLAYER) then
    return nil, "PRIZE_LIMIT", "this account has received " .. own .. " in prizes today", "the prize is kept: claim it again tomorrow"
  end
  local receipt, code, message, remedy = till.credit(state, address, amount, ids.creditId, ids.earlierId)
  if not receipt then
    return nil, code, message, remedy
  end
  if prizes.day ~= day then
    prizes.day, prizes.players = day, {}
  end
  prizes.left, prizes.paid, prizes.players[address] = prizes.left - amount, all + amount, own + amount
  return receipt
end

--- Adds money to the fund.
--- @param state table of the shop
--- @param amount integer at least 1
--- @return boolean? true
function fund.add(state, amount)
  local prizes = of(state)
  if amount > till.LARGEST - prizes.left then
    return nil, "OVERFLOW", "the fund is limited to " .. till.LARGEST, "add less"
  end
  prizes.left = prizes.left + amount
  return true
end

--- @param state table of the shop
--- @param now integer scheduler time, ms
--- @return table { left, paidToday, perDay, perPlayer }
function fund.view(state, now)
  local prizes = state.prizes or { left = fund.INITIAL, day = 0, paid = 0, players = {} }
  return {
    left = prizes.left, paidToday = (paidOn(prizes, now // DAY, "")),
    perDay = limit("PRIZES_PER_DAY", fund.PER_DAY), perPlayer = limit("PRIZES_PER_PLAYER", fund.PER_PLAYER),
  }
end

--- The fund holds no debt.
--- @param state table of the shop
--- @return boolean
--- @return string detail
function fund.balanced(state)
  local left = state.prizes and state.prizes.left or fund.INITIAL
  return left >= 0, "the fund for prizes holds " .. left
end

return fund
