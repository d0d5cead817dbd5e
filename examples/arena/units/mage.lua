local Unit, units = require "./unit", require "examples.arena.units"
local Mage = Unit.extend("mage", 12, 3)

-- In every third round, the mage also casts a bolt.
function Mage:hit(other, arena)
  Unit.hit(self, other)
  if arena.rounds % 3 == 0 then other.health = other.health - 5 end
end

units.register("mage", Mage)
return Mage
