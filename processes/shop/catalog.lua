--- The items of the shop. Prices are integers; a stock of nil is unlimited.
local catalog = {}

local ITEMS = {
  ["poke-ball"] = { price = 200, category = "ball" },
  ["great-ball"] = { price = 600, category = "ball" },
  ["ultra-ball"] = { price = 800, category = "ball" },
  ["potion"] = { price = 200, category = "medicine" },
  ["super-potion"] = { price = 700, category = "medicine" },
  ["revive"] = { price = 2000, category = "medicine" },
  ["fire-stone"] = { price = 3000, category = "stone", stock = 50 },
  ["water-stone"] = { price = 3000, category = "stone", stock = 50 },
  ["thunder-stone"] = { price = 3000, category = "stone", stock = 50 },
  ["starter-ticket"] = { price = 1000, category = "ticket", stock = 500, perAccount = 1 },
}

--- The most pieces of one item that an account can hold.
catalog.MAX_HELD = 999

--- What the shop pays for an item: half its price.
--- @param item table
--- @return integer
function catalog.sellPrice(item)
  return item.price // 2
end

--- @param name string
--- @return table? { price, category, stock?, perAccount? }
function catalog.get(name)
  return ITEMS[name]
end

--- @return string[] all names, sorted
function catalog.names()
  local names = {}
  for name in pairs(ITEMS) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

return catalog
