local units = { kinds = {} }

function units.register(name, kind)
  units.kinds[name] = kind
end

function units.make(name)
  -- Looked up when it is first needed: the kinds require this file, so neither could be loaded first.
  require "./knight"
  require "./mage"
  local kind = assert(units.kinds[name], "no such unit: " .. tostring(name))
  return kind.new()
end

return units
