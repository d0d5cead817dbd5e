--- Goods that are used up for another process of the fleet, such as a stone for an evolution, and given back.
-- As in till.lua: all of it, or nil, code, message, remedy and nothing.
local catalog = require("catalog")
local receipts = require("receipts")
local till = require("till")

local uses = {}

--- Uses up pieces for another process of the fleet, such as a stone for an evolution.
--- @param state table
--- @param address string
--- @param name string
--- @param quantity integer at least 1
--- @param consumeId string? a repetition with the same id gives the first receipt and uses nothing
--- @return table? { account, item, quantity, left, repeated }
function uses.consume(state, address, name, quantity, consumeId)
  if not catalog.get(name) then
    return till.refuseUnknown(name)
  end
  local known = consumeId and receipts.find(state.peers, "consume:" .. consumeId)
  if known then
    if known.void then
      return till.refuseVoid(consumeId)
    elseif known.account ~= address or known.item ~= name or known.quantity ~= quantity then
      return nil, "ID_REUSED", "consumeId " .. consumeId .. " stands for another use", "use a new consumeId"
    end
    return receipts.repeated(known)
  end
  local account = till.account(state, address)
  local held = account.items[name] or 0
  if held < quantity then
    return nil, "NOT_ENOUGH_ITEMS", "the account holds " .. held .. " " .. name .. ", " .. quantity .. " are needed", "PURCHASE some first"
  end
  local receipt = { account = address, item = name, quantity = quantity, left = till.take(account, name, quantity) }
  return receipts.keep(state.peers, consumeId and "consume:" .. consumeId, receipt)
end

--- Gives back what uses.consume took. Doing so again changes nothing, and a use that has not arrived yet is
-- kept from ever being carried out.
--- @param state table
--- @param address string
--- @param consumeId string
--- @return table? { consumeId, returned: pieces }
function uses.giveBack(state, address, consumeId)
  local id = "consume:" .. consumeId
  local known = receipts.find(state.peers, id)
  if not known then
    receipts.void(state.peers, id)
    return { consumeId = consumeId, returned = 0 }
  elseif known.void then
    return { consumeId = consumeId, returned = 0 }
  elseif known.account ~= address then
    return nil, "ID_REUSED", "consumeId " .. consumeId .. " stands for another account's use", "name the account that used it"
  end
  local account = till.account(state, address)
  state.accounts[address] = account
  account.items[known.item] = (account.items[known.item] or 0) + known.quantity
  known.void = true
  return { consumeId = consumeId, returned = known.quantity }
end

return uses
