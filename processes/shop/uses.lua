--- Items consumed for another process of the fleet, such as a stone for an evolution, and returned.
-- As in till.lua, a function either succeeds completely, or changes nothing and returns nil, code, message, remedy.
local catalog = require("catalog")
local receipts = require("receipts")
local till = require("till")

local uses = {}

local function find(state, account, consumeId)
  return account.uses and receipts.find(account.uses, consumeId) or receipts.find(state.peers, "consume:" .. consumeId)
end

local function usesOf(account)
  account.uses = account.uses or receipts.new(till.USES)
  return account.uses
end

--- Consumes an item for another process of the fleet.
--- @param state table
--- @param address string
--- @param name string
--- @param quantity integer at least 1
--- @param consumeId string? a repetition with the same id returns the first receipt and consumes nothing
--- @return table? { account, item, quantity, left, repeated }
function uses.consume(state, address, name, quantity, consumeId)
  if not catalog.get(name) then
    return till.refuseUnknown(name)
  end
  local account = till.account(state, address)
  local known = consumeId and find(state, account, consumeId)
  if known then
    if known.void then
      return till.refuseVoid(consumeId)
    elseif known.account ~= address or known.item ~= name or known.quantity ~= quantity then
      return nil, "ID_REUSED", "consumeId " .. consumeId .. " belongs to another use", "use a new consumeId"
    end
    return receipts.repeated(known)
  end
  local held = account.items[name] or 0
  if held < quantity then
    return nil, "NOT_ENOUGH_ITEMS", "the account holds " .. held .. " " .. name .. ", required: " .. quantity, "PURCHASE some first"
  end
  local receipt = { account = address, item = name, quantity = quantity, left = till.take(account, name, quantity) }
  return receipts.keep(usesOf(account), consumeId, receipt)
end

--- Returns what uses.consume took. A repetition changes nothing, and a use that has not arrived yet will be refused.
--- @param state table
--- @param address string
--- @param consumeId string
--- @return table? { consumeId, returned: pieces }
function uses.giveBack(state, address, consumeId)
  local account = till.account(state, address)
  local known = find(state, account, consumeId)
  if not known then
    state.accounts[address] = account
    receipts.void(usesOf(account), consumeId)
    return { consumeId = consumeId, returned = 0 }
  elseif known.void then
    return { consumeId = consumeId, returned = 0 }
  elseif known.account ~= address then
    return nil, "ID_REUSED", "consumeId " .. consumeId .. " belongs to another account", "send the account that used it"
  end
  state.accounts[address] = account
  account.items[known.item] = (account.items[known.item] or 0) + known.quantity
  known.void = true
  return { consumeId = consumeId, returned = known.quantity }
end

return uses
