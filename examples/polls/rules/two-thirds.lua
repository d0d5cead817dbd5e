local majority = require("rules.majority")

return function(list)
  if list[1] and list[1].count * 3 >= 2 * (list[1].count // list[1].share) then return majority(list) end
  return "undecided"
end
