--- The modules of the process, those of aos included.
local modules = {}

--- Whether a value is what a module returned.
function modules.has(value)
  -- A module that returns nothing is loaded as `true`, which does not identify it.
  if type(value) ~= "table" and type(value) ~= "function" then return false end
  for _, module in pairs(package.loaded) do
    if rawequal(module, value) then return true end
  end
  return false
end

--- The tables of all modules, which do not belong to the program's data although it may refer to them: table → true.
function modules.tables()
  local found = {}
  for _, module in pairs(package.loaded) do
    if type(module) == "table" then found[module] = true end
  end
  return found
end

return modules
