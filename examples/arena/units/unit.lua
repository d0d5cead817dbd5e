local Unit = {}
Unit.__index = Unit

function Unit.extend(name, health, power)
  local Kind = setmetatable({}, { __index = Unit })
  Kind.__index = Kind
  function Kind.new()
    return setmetatable({ name = name, health = health, power = power }, Kind)
  end
  return Kind
end

function Unit:hit(other)
  other.health = other.health - self.power
end

function Unit:describe()
  return ("%s wins with %d left"):format(self.name, self.health)
end

return Unit
