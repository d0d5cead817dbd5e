local units = { kinds = {} }

function units.register(name, kind)
  units.kinds[name] = kind
end

function units.make(name)
  -- Required here and not at load time, because the kinds require this file.
  require "./knight"
  require "./mage"
  local kind = assert(units.kinds[name], "no such unit: " .. tostring(name))
  return kind.new()
end

return units
