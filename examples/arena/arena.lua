local Arena = {}
Arena.__index = Arena

function Arena.new(fighters)
  return setmetatable({ fighters = fighters, rounds = 0 }, Arena)
end

function Arena:alive()
  local alive = {}
  for _, unit in ipairs(self.fighters) do
    if unit.health > 0 then alive[#alive + 1] = unit end
  end
  return alive
end

--- In turn, each fighter hits the next one, until one is left.
function Arena:run()
  local alive = self:alive()
  while #alive > 1 do
    self.rounds = self.rounds + 1
    for i, unit in ipairs(alive) do
      if unit.health > 0 then unit:hit(alive[i % #alive + 1], self) end
    end
    alive = self:alive()
  end
  return alive[1] or self.fighters[1]
end

return Arena
