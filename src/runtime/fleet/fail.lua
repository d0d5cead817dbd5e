--- A refusal with a code: what a handler raises when the sender can do something about it.
local FAILURE = "fleet.failure"

local fail = {}

--- Makes the value that `error` raises.
-- @tparam string code stable, upper snake
-- @tparam string message one sentence in the sender's words
-- @tparam ?string remedy what to do next
-- @tparam ?table more further members of `error` in the reply, such as `problems`
function fail.new(code, message, remedy, more)
  local failure = { __fleet = FAILURE, code = tostring(code), message = tostring(message), remedy = tostring(remedy or "") }
  for key, value in pairs(more or {}) do failure[key] = failure[key] or value end
  return failure
end

--- Whether something that was raised is a failure rather than a fault in the program.
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
