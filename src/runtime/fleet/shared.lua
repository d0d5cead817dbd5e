--- Actions that both the library and a program may handle. `Info` and others are common in aos: the program's handlers come first, and the
-- library answers only what none of them took; its own handler is reached as `Fleet.<action>`. The fleet's tools select the library's with a
-- tag, whatever handlers the program has; earlier libraries, which do not know the tag, answer them anyway.
local envelope = require("fleet.envelope")

local shared = {}

--- A message with this tag is meant for the fleet's action.
shared.TAG = "Fleet-Request"

--- Whether the program's handlers come before the library's for a message.
-- @tparam table entry the registry's entry for the action
function shared.isOffered(entry, msg)
  if not entry.builtin or msg.Action ~= entry.action then return false end
  -- A message with an epoch is a control message of a deployer.
  return envelope.tag(msg, shared.TAG) == nil and envelope.tag(msg, "Epoch") == nil
end

return shared
