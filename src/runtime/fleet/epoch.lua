--- The epoch: every run that changes the fleet has a higher one, and messages of earlier runs are refused.
local cut = require("fleet.cut")
local fail = require("fleet.fail")
local envelope = require("fleet.envelope")
local store = require("fleet.store")

local epoch = {}

local MAX = 9007199254740991

--- A non-negative integer from a number or from a tag, or nil.
function epoch.parse(value)
  if type(value) == "string" and not value:match("^%d+$") then return nil end
  local n = math.tointeger(tonumber(value))
  return n and n >= 0 and n <= MAX and n or nil
end

local function refuse(given)
  error(fail.new(
    "STALE_EPOCH",
    string.format("epoch %s is stale: the current epoch is %d", given or "(missing)", store.epoch),
    "Another deployment is newer. Start a new one and send its epoch in the tag Epoch.",
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
  if n == nil or n < store.epoch then refuse(text and cut(text, 20)) end
  return n
end

--- Raises the stored epoch to a higher one.
function epoch.raise(n)
  if n and n > store.epoch then store.epoch = n end
end

--- Whether an epoch is missing or lower than the current one.
function epoch.isStale(n)
  return n == nil or n < store.epoch
end

return epoch
