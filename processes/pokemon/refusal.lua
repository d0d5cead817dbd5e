--- Refusals of a request, with what to do instead.
local fleet = require("fleet")

local refusal = {}

--- Refuses the request.
function refusal.refuse(code, message, remedy)
  error(fleet.fail(code, message, remedy))
end

--- The result of a plain function, or its refusal: nil, code, message, remedy.
function refusal.must(result, code, message, remedy)
  if result == nil then
    refusal.refuse(code, message, remedy)
  end
  return result
end

return refusal
