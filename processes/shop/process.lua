--- The shop: sells items for money. Money enters by a deployer's CREDIT, and as prizes out of a fund that deployers fill (fund.lua). It
--- is conserved (till.lua).
local fleet = require("fleet")
local caller = require("caller")
local catalog = require("catalog")
local enforce = require("enforce")
local fund = require("fund")
local till = require("till")
local uses = require("uses")

fleet.process({
  name = "shop",
  processType = "SHOP",
  version = "1.0.0",
  capabilities = { "SHOP_MANAGEMENT", "ITEM_PURCHASING", "INVENTORY_MANAGEMENT" },
  endpoints = {
    "LIST_ITEMS", "BALANCE", "INVENTORY", "PURCHASE", "SELL", "CREDIT", "CONSUME_ITEM", "RETURN_ITEM", "REFUND", "RESTOCK",
    "PRIZE_FUND", "FUND_PRIZES",
  },
})

local shop = fleet.state("shop", till.open())

local ITEM = { type = "string", required = true, maxLength = 32 }
local QUANTITY = { type = "integer", min = 1, max = catalog.MAX_HELD }
local ACCOUNT = { type = "string", required = true, maxLength = 64, pattern = "^[%w_%-]+$" }
local ID = { type = "string", maxLength = 128 }

--- Returns the result, or raises the typed error.
local function must(result, code, message, remedy)
  if result == nil then
    error(fleet.fail(code, message, remedy))
  end
  return result
end

--- The requested account, by default the sender's own. Any may be read: the state of a process is public, and a refusal would only
--- look as if accounts were secret.
local function accountOf(data, msg)
  return data.account or fleet.player(msg)
end

fleet.on("LIST_ITEMS", { who = "anyone", readonly = true }, function()
  local items = {}
  for i, name in ipairs(catalog.names()) do
    local item = catalog.get(name)
    items[i] = {
      item = name, category = item.category, price = item.price, sellPrice = catalog.sellPrice(item),
      stock = shop.stock[name], perAccount = item.perAccount,
    }
  end
  return { items = items, count = #items }
end)

local ASK = { account = { type = "string", maxLength = 64 } }

fleet.on("BALANCE", { who = "anyone", readonly = true, schema = ASK }, function(data, msg)
  local account = accountOf(data, msg)
  return { account = account, balance = till.account(shop, account).balance }
end)

fleet.on("INVENTORY", { who = "anyone", readonly = true, schema = ASK }, function(data, msg)
  local address = accountOf(data, msg)
  local items, account = {}, till.account(shop, address)
  for _, name in ipairs(catalog.names()) do
    if account.items[name] then
      items[#items + 1] = { item = name, quantity = account.items[name] }
    end
  end
  return { account = address, items = items, balance = account.balance }
end)

fleet.on("PURCHASE", {
  who = "anyone",
  once = true,
  schema = { item = ITEM, quantity = QUANTITY, orderId = ID },
}, function(data, msg)
  enforce.check(msg)
  return must(till.purchase(shop, fleet.player(msg), data.item, math.tointeger(data.quantity or 1), data.orderId))
end)

fleet.on("SELL", { who = "anyone", once = true, schema = { item = ITEM, quantity = QUANTITY } }, function(data, msg)
  enforce.check(msg)
  return must(till.sell(shop, fleet.player(msg), data.item, math.tointeger(data.quantity or 1)))
end)

fleet.on("CREDIT", {
  who = caller.isService,
  once = true,
  schema = {
    account = ACCOUNT, amount = { type = "integer", required = true, min = 1, max = till.LARGEST }, creditId = ID,
    -- Another id by which an earlier version requests the same credit.
    earlierId = ID,
  },
}, function(data, msg)
  local amount = math.tointeger(data.amount)
  -- Only deployers create money. What another process of the fleet credits is a prize.
  if fleet.is(msg, "deployer") then return must(till.credit(shop, data.account, amount, data.creditId, data.earlierId)) end
  return must(fund.pay(shop, data.account, amount, data, fleet.now(msg)))
end)

fleet.on("PRIZE_FUND", { who = "anyone", readonly = true }, function(_, msg)
  return fund.view(shop, fleet.now(msg))
end)

fleet.on("FUND_PRIZES", {
  who = "deployer",
  once = true,
  schema = { amount = { type = "integer", required = true, min = 1, max = till.LARGEST } },
}, function(data, msg)
  must(fund.add(shop, math.tointeger(data.amount)))
  return fund.view(shop, fleet.now(msg))
end)

fleet.on("CONSUME_ITEM", {
  who = caller.isService,
  once = true,
  schema = { account = ACCOUNT, item = ITEM, quantity = QUANTITY, consumeId = ID },
}, function(data)
  return must(uses.consume(shop, data.account, data.item, math.tointeger(data.quantity or 1), data.consumeId))
end)

local function idOf(name)
  return { account = ACCOUNT, [name] = { type = "string", required = true, maxLength = 128 } }
end

fleet.on("RETURN_ITEM", { who = caller.isService, schema = idOf("consumeId") }, function(data)
  return must(uses.giveBack(shop, data.account, data.consumeId))
end)

fleet.on("REFUND", { who = caller.isService, schema = idOf("orderId") }, function(data)
  return must(till.refund(shop, data.account, data.orderId))
end)

fleet.on("RESTOCK", {
  who = "deployer",
  once = true,
  schema = { item = ITEM, quantity = { type = "integer", required = true, min = 1, max = till.LARGEST } },
}, function(data)
  return must(till.restock(shop, data.item, math.tointeger(data.quantity)))
end)

fleet.invariant("money-is-conserved", function()
  return till.balanced(shop)
end)

fleet.invariant("prizes-are-funded", function()
  return fund.balanced(shop)
end)

fleet.check("catalog", "READINESS", function()
  local count = #catalog.names()
  return count > 0, count .. " items"
end)
