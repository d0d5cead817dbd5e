--- Money and goods: plain functions on the state
-- { accounts: address → account, stock: item → pieces, credited, spent, credits: id → line, peers }. Orders and uses are receipts of each
-- account: whoever fills them fills only their own. Credits are recorded permanently, because a prize is paid once, however much later; each was paid,
-- so nobody adds one for nothing. `peers` has the uses and credits of version 1.0.0, where all accounts shared 4,096 places.
-- Every function either succeeds completely, or changes nothing and returns nil, code, message, remedy.
-- Amounts are integers from 0 to LARGEST, the largest that JSON carries exactly.
local catalog = require("catalog")
local cut = require("fleet.cut")
local receipts = require("receipts")

local till = {}

till.LARGEST = 9007199254740991
--- The number of orders and of uses kept per account.
till.ORDERS, till.USES = 64, 64

--- @return table the initial state of a shop
function till.open()
  local state = { accounts = {}, stock = {}, credited = 0, spent = 0, credits = {}, peers = receipts.new(0) }
  for _, name in ipairs(catalog.names()) do
    state.stock[name] = catalog.get(name).stock
  end
  return state
end

local function newAccount()
  return { balance = 0, items = {}, bought = {}, orders = receipts.new(till.ORDERS) }
end

--- An account for reading. An account that does not exist is shown empty and not stored.
--- @param state table
--- @param address string
--- @return table
function till.account(state, address)
  return state.accounts[address] or newAccount()
end

local function store(state, address, account)
  state.accounts[address] = account
  return account
end

--- The refusal of an unknown item.
function till.refuseUnknown(name)
  return nil, "UNKNOWN_ITEM", "the shop has no " .. cut(tostring(name), 32), "use an item that LIST_ITEMS lists"
end

--- The refusal of an id whose request was undone before it arrived.
function till.refuseVoid(id)
  return nil, "TAKEN_BACK", id .. " was undone before it arrived", "use a new id"
end

-- A credit as one string: the state has as many as prizes were paid, and every table in it costs with each message.
local function lineOf(receipt)
  return receipt.amount .. " " .. receipt.balance .. " " .. receipt.account
end

--- An earlier credit.
--- @param state table
--- @param id string
--- @return table? { account, amount, balance }
function till.creditOf(state, id)
  local line = state.credits and state.credits[id]
  if not line then
    return receipts.find(state.peers, "credit:" .. id)
  end
  local amount, balance, account = line:match("^(%d+) (%d+) (.*)$")
  return { account = account, amount = math.tointeger(tonumber(amount)), balance = math.tointeger(tonumber(balance)) }
end

--- Credits an account.
--- @param state table
--- @param address string
--- @param amount integer at least 1
--- @param creditId string? a repetition with the same id changes nothing
--- @param earlierId string? a later credit with this id is a repetition too; that of the latest credit to the same account counts
--- @return table? { account, amount, balance, repeated }
function till.credit(state, address, amount, creditId, earlierId)
  local known = creditId and till.creditOf(state, creditId)
  if known then
    if known.account ~= address or known.amount ~= amount then
      return nil, "ID_REUSED", "creditId " .. creditId .. " belongs to another credit", "use a new creditId"
    end
    return receipts.repeated(known)
  end
  if amount > till.LARGEST - state.credited then
    return nil, "OVERFLOW", "the total of all credits is limited to " .. till.LARGEST, "credit less"
  end
  local account = store(state, address, till.account(state, address))
  account.balance = account.balance + amount
  state.credited = state.credited + amount
  local receipt = { account = address, amount = amount, balance = account.balance }
  if creditId then
    state.credits = state.credits or {}
    state.credits[creditId] = lineOf(receipt)
    local earlier = earlierId and till.creditOf(state, earlierId)
    -- That of another account is the only record that it was paid.
    if earlierId and (not earlier or earlier.account == address) then
      state.credits[earlierId] = lineOf(receipt)
    end
  end
  return receipts.first(receipt)
end

--- Sells an item to an account.
--- @param state table
--- @param address string
--- @param name string item
--- @param quantity integer at least 1
--- @param orderId string? a repetition with the same id returns the first receipt and buys nothing
--- @return table? { orderId, item, quantity, price, total, balance, held, repeated }
function till.purchase(state, address, name, quantity, orderId)
  local item = catalog.get(name)
  if not item then
    return till.refuseUnknown(name)
  end
  local account = till.account(state, address)
  local known = orderId and receipts.find(account.orders, orderId)
  if known then
    if known.void then
      return till.refuseVoid(orderId)
    elseif known.item ~= name or known.quantity ~= quantity then
      return nil, "ID_REUSED", "orderId " .. orderId .. " belongs to another order", "use a new orderId"
    end
    return receipts.repeated(known)
  end
  local total = item.price * quantity
  local held = account.items[name] or 0
  local stock = state.stock[name]
  if stock and stock < quantity then
    return nil, "OUT_OF_STOCK", "requested " .. quantity .. " " .. name .. ", in stock: " .. stock, "buy fewer or wait for a delivery"
  elseif held + quantity > catalog.MAX_HELD then
    return nil, "TOO_MANY", "an account can hold at most " .. catalog.MAX_HELD .. " " .. name, "sell or use some first"
  elseif item.perAccount and (account.bought[name] or 0) + quantity > item.perAccount then
    return nil, "LIMIT_REACHED", "an account can buy at most " .. item.perAccount .. " " .. name, "it cannot be bought again"
  elseif account.balance < total then
    return nil, "INSUFFICIENT_FUNDS", "it costs " .. total .. ", the balance is " .. account.balance, "earn " .. total - account.balance .. " more"
  end
  store(state, address, account)
  account.balance = account.balance - total
  account.items[name] = held + quantity
  if item.perAccount then
    account.bought[name] = (account.bought[name] or 0) + quantity
  end
  state.spent = state.spent + total
  state.stock[name] = stock and stock - quantity or nil
  local receipt = {
    orderId = orderId, item = name, quantity = quantity, price = item.price, total = total,
    balance = account.balance, held = held + quantity,
  }
  return receipts.keep(account.orders, orderId, receipt)
end

--- Removes pieces that an account holds.
--- @return integer the remaining pieces
function till.take(account, name, quantity)
  local left = account.items[name] - quantity
  account.items[name] = left > 0 and left or nil
  return left
end

local function restock(state, name, quantity)
  if state.stock[name] then
    state.stock[name] = state.stock[name] + quantity
  end
end

--- Refunds an order: returns the goods and the money. A repetition changes nothing, and an order that has not arrived
-- yet will be refused.
--- @param state table
--- @param address string
--- @param orderId string
--- @return table? { orderId, refunded: amount, balance }
function till.refund(state, address, orderId)
  local account = till.account(state, address)
  local order = receipts.find(account.orders, orderId)
  local function answer(amount)
    return { orderId = orderId, refunded = amount, balance = account.balance }
  end
  if not order then
    store(state, address, account)
    receipts.void(account.orders, orderId)
    return answer(0)
  elseif order.void then
    return answer(0)
  elseif (account.items[order.item] or 0) < order.quantity then
    return nil, "ITEMS_GONE", "the goods of this order were sold or used", "this order cannot be refunded"
  elseif state.spent < order.total then
    return nil, "TILL_EMPTY", "the refund exceeds the shop's total sales of " .. state.spent, "ask a deployer"
  end
  till.take(account, order.item, order.quantity)
  account.balance = account.balance + order.total
  if account.bought[order.item] then
    account.bought[order.item] = account.bought[order.item] - order.quantity
  end
  state.spent = state.spent - order.total
  restock(state, order.item, order.quantity)
  order.void = true
  return answer(order.total)
end

--- Buys an item back for half its price.
--- @param state table
--- @param address string
--- @param name string
--- @param quantity integer at least 1
--- @return table? { item, quantity, total, balance, held }
function till.sell(state, address, name, quantity)
  local item = catalog.get(name)
  if not item then
    return till.refuseUnknown(name)
  end
  local account = till.account(state, address)
  local held = account.items[name] or 0
  local total = catalog.sellPrice(item) * quantity
  if held < quantity then
    return nil, "NOT_ENOUGH_ITEMS", "you hold " .. held .. " " .. name .. " and offered " .. quantity, "INVENTORY shows what you hold"
  elseif state.spent < total then
    return nil, "TILL_EMPTY", "the payment exceeds the shop's total sales", "sell fewer"
  end
  local left = till.take(account, name, quantity)
  account.balance = account.balance + total
  state.spent = state.spent - total
  restock(state, name, quantity)
  return { item = name, quantity = quantity, total = total, balance = account.balance, held = left }
end

--- Adds pieces to the stock.
--- @param state table
--- @param name string
--- @param quantity integer at least 1
--- @return table? { item, stock }
function till.restock(state, name, quantity)
  if not catalog.get(name) then
    return till.refuseUnknown(name)
  elseif not state.stock[name] then
    return nil, "UNLIMITED", name .. " has an unlimited stock", "no action is needed"
  elseif state.stock[name] > till.LARGEST - quantity then
    return nil, "OVERFLOW", "the stock is limited to " .. till.LARGEST, "deliver fewer"
  end
  restock(state, name, quantity)
  return { item = name, stock = state.stock[name] }
end

--- Money is conserved: the sum of all balances and of all spending equals the sum of all credits.
--- @param state table
--- @return boolean
--- @return string detail
function till.balanced(state)
  local held = 0
  for _, account in pairs(state.accounts) do
    if account.balance < 0 then
      return false, "a balance is negative"
    end
    held = held + account.balance
  end
  local detail = held .. " held + " .. state.spent .. " spent, " .. state.credited .. " credited"
  return held + state.spent == state.credited and state.spent >= 0, detail
end

return till
