-- Amounts are integers in strings of any length: a Lua integer is limited to 2^63 - 1.
local amount = {}

function amount.parse(text)
  assert(type(text) == "string" and text:match("^%d+$"), "Invalid quantity: expected an integer in a string")
  return (text:gsub("^0+(%d)", "%1"))
end

function amount.less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

function amount.add(a, b)
  local digits, carry = {}, 0
  for i = 0, math.max(#a, #b) - 1 do
    local sum = carry + (a:byte(-1 - i) or 48) + (b:byte(-1 - i) or 48) - 96
    digits[#digits + 1] = sum % 10
    carry = sum // 10
  end
  if carry > 0 then
    digits[#digits + 1] = carry
  end
  return table.concat(digits):reverse()
end

--- a - b, where b is not larger than a.
function amount.subtract(a, b)
  local digits, borrow = {}, 0
  for i = 0, #a - 1 do
    local difference = a:byte(-1 - i) - (b:byte(-1 - i) or 48) - borrow
    borrow = difference < 0 and 1 or 0
    digits[#digits + 1] = difference + 10 * borrow
  end
  return (table.concat(digits):reverse():gsub("^0+(%d)", "%1"))
end

return amount
