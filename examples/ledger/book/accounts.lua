local bint = require("book.amount")

-- The program's only global: its state. `or {}` keeps it when a new version is loaded.
Balances = Balances or {}

local accounts = {}

function accounts.balance(owner)
  return Balances[owner] or "0"
end

function accounts.credit(owner, quantity)
  Balances[owner] = bint.add(accounts.balance(owner), quantity)
end

--- Moves `quantity` from one account to another; returns false and a reason if that is not possible.
function accounts.move(from, to, quantity)
  if not to or to == from then
    return false, "BAD_RECIPIENT"
  end
  if bint.less(accounts.balance(from), quantity) then
    return false, "TOO_LITTLE"
  end
  Balances[from] = bint.subtract(accounts.balance(from), quantity)
  accounts.credit(to, quantity)
  return true
end

return accounts
