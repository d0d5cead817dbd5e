local fleet = require("fleet")
fleet.process { name = "prices", version = "1.0.0", capabilities = {} }

local PRICES = { tea = 3, coffee = 4 }

fleet.on("PRICE", { schema = { item = { type = "string", required = true } }, readonly = true }, function(data)
  local price = PRICES[data.item]
  if price == nil then error(fleet.fail("NOT_SOLD", "there is no " .. data.item, "Ask for tea or coffee.")) end
  return { price = price }
end)
