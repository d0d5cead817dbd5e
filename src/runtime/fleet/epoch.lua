--- The epoch: every run that changes the fleet has a larger one, and what an earlier run still sends is refused.
local fail = require("fleet.fail")
local envelope = require("fleet.envelope")
local store = require("fleet.store")

local epoch = {}

local MAX = 9007199254740991

--- A non-negative whole number from a number or from the text of a tag, or nil.
function epoch.parse(value)
  if type(value) == "string" and not value:match("^%d+$") then return nil end
  local n = math.tointeger(tonumber(value))
  return n and n >= 0 and n <= MAX and n or nil
end

local function refuse(given)
  error(fail.new(
    "STALE_EPOCH",
    string.format("epoch %s is refused: %d is the current one here", given or "(missing)", store.epoch),
    "Another deployment is newer. Begin a new one and send its epoch in the tag Epoch.",
    { epoch = store.epoch }
  ))
end

--- Checks the tag `Epoch` of a control message, or raises `STALE_EPOCH`.
-- @tparam ?boolean optional a message without the tag passes
-- @treturn ?number the epoch
function epoch.check(msg, optional)
  local text = envelope.tag(msg, "Epoch")
  if text == nil and optional then return nil end
  local n = epoch.parse(text)
  if n == nil or n < store.epoch then refuse(text and text:sub(1, 20)) end
  return n
end

--- Raises the stored epoch to a larger one.
function epoch.raise(n)
  if n and n > store.epoch then store.epoch = n end
end

--- Counts a refusal of a load, which has no message handler to do so.
function epoch.isStale(n)
  return n == nil or n < store.epoch
end

return epoch
