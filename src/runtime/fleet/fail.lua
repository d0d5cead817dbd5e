--- Failures with a code, which a handler raises if the sender can fix the problem.
local FAILURE = "fleet.failure"

local fail = {}

--- Makes the value that `error` raises.
-- @tparam string code stable, upper snake case
-- @tparam string message one sentence in the sender's terms
-- @tparam ?string remedy what to do
-- @tparam ?table more further members of `error` in the reply, such as `problems`
function fail.new(code, message, remedy, more)
  local failure = { __fleet = FAILURE, code = tostring(code), message = tostring(message), remedy = tostring(remedy or "") }
  for key, value in pairs(more or {}) do failure[key] = failure[key] or value end
  return failure
end

--- Whether an error value is a failure, and not a fault in the program.
function fail.is(value)
  return type(value) == "table" and rawget(value, "__fleet") == FAILURE
end

--- The `error` of a reply.
function fail.body(failure)
  local body = {}
  for key, value in pairs(failure) do
    if key ~= "__fleet" then body[key] = value end
  end
  return body
end

return fail
