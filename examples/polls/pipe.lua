return function(value, ...)
  for _, step in ipairs { ... } do value = step(value) end
  return value
end
