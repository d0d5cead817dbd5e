-- A token with the actions that wallets and exchanges on AO use. Amounts are decimal strings in the smallest unit.
local bint = require(".bint")(256)
local fleet = require("fleet")

-- Settings: new code brings its own.
Name = "${PROJECT}"
Ticker = "TKN"
Denomination = "12"
Logo = ""

-- State: kept by every load of new code, and handed over to a new process.
Balances = Balances or {}
TotalSupply = TotalSupply or "0"

local function add(a, b) return tostring(bint(a) + bint(b)) end
local function subtract(a, b) return tostring(bint(a) - bint(b)) end

-- The quantity of a message, or nil if it is not an integer above zero.
local function quantityOf(msg)
  local text = fleet.tag(msg, "Quantity")
  if type(text) ~= "string" or not text:match("^%d+$") or #text > 76 then return nil end
  return bint.__lt(0, bint(text)) and tostring(bint(text)) or nil
end

local function refuse(msg, reason) msg.reply({ Action = "Transfer-Error", Error = reason }) end

Handlers.add("Info", "Info", function(msg)
  msg.reply({ Name = Name, Ticker = Ticker, Denomination = Denomination, Logo = Logo })
end)

Handlers.add("Balance", "Balance", function(msg)
  local account = fleet.tag(msg, "Recipient") or fleet.tag(msg, "Target") or fleet.player(msg)
  local balance = Balances[account] or "0"
  msg.reply({ Balance = balance, Ticker = Ticker, Account = account, Data = balance })
end)

Handlers.add("Balances", "Balances", function(msg) msg.reply({ Data = fleet.json.encode(Balances) }) end)

Handlers.add("Total-Supply", "Total-Supply", function(msg)
  msg.reply({ Ticker = Ticker, Data = TotalSupply })
end)

Handlers.add("Transfer", "Transfer", function(msg)
  local sender, recipient, quantity = fleet.player(msg), fleet.tag(msg, "Recipient"), quantityOf(msg)
  if type(recipient) ~= "string" or recipient == "" then return refuse(msg, "Recipient is missing") end
  if quantity == nil then return refuse(msg, "Quantity must be an integer above 0") end
  if bint.__lt(bint(Balances[sender] or "0"), bint(quantity)) then return refuse(msg, "Insufficient Balance!") end
  Balances[sender] = subtract(Balances[sender], quantity)
  Balances[recipient] = add(Balances[recipient] or "0", quantity)
  if fleet.tag(msg, "Cast") == nil then
    ao.send({ Target = recipient, Action = "Credit-Notice", Sender = sender, Quantity = quantity })
  end
  msg.reply({ Action = "Debit-Notice", Recipient = recipient, Quantity = quantity })
end)

Handlers.add("Mint", "Mint", function(msg)
  local minter, quantity = fleet.player(msg), quantityOf(msg)
  if minter ~= Owner then return msg.reply({ Action = "Mint-Error", Error = "Only the owner may mint" }) end
  if quantity == nil then return msg.reply({ Action = "Mint-Error", Error = "Quantity must be an integer above 0" }) end
  Balances[minter] = add(Balances[minter] or "0", quantity)
  TotalSupply = add(TotalSupply, quantity)
  msg.reply({ Data = TotalSupply })
end)
