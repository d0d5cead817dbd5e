-- A small ledger: handlers here, rules in modules. Style: plain tables of functions, one `require` per line.
local accounts = require("book.accounts")
local amount = require("book.amount")
local reply = require("reply")

Handlers.add("balance", "Balance", function(msg)
  reply.ok(msg, { balance = accounts.balance(msg.Tags.Account or msg.From) })
end)

Handlers.add("mint", "Mint", function(msg)
  if msg.From ~= Owner then
    return reply.refuse(msg, "NOT_OWNER")
  end
  accounts.credit(msg.Tags.Recipient, amount.parse(msg.Tags.Quantity))
  reply.ok(msg, { minted = msg.Tags.Quantity })
end)

Handlers.add("transfer", "Transfer", function(msg)
  local moved, why = accounts.move(msg.From, msg.Tags.Recipient, amount.parse(msg.Tags.Quantity))
  if not moved then
    return reply.refuse(msg, why)
  end
  reply.ok(msg, { moved = msg.Tags.Quantity })
end)
