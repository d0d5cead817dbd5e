--- What the network can carry. A message that it cannot carry is lost, and nobody is told: whoever waits for its answer waits until the time is
-- up. So every outgoing request and every answer is measured before it is sent.
local cut = require("fleet.cut")
local fail = require("fleet.fail")
local node = require("fleet.node")

local sendable = {}

--- Bytes of a tag's name and value, and of all tags of a data item (ANS-104).
local NAME, VALUE, ALL = 1024, 3072, 4096
--- Bytes of tags that aos and the messenger add: protocol, type, sender, module, reference, chain.
local ADDED = 400
--- Bytes that a tag needs besides its name and value.
local EACH = 4
--- Bytes of Data: a messenger accepts items of 10 MB.
local DATA = 10 * 1024 * 1024 - 64 * 1024

--- Bytes of the name of an action and of a service, in requests that are forwarded.
sendable.ACTION, sendable.SERVICE = 256, 64

-- Of a name or a value, as it is shown in an error.
local function shown(text)
  return node.text(#text > 40 and cut(text, 40) .. "…" or text)
end

local function ofTag(name, value)
  if #name > NAME then return "the name of a tag (" .. shown(name) .. ") has " .. #name .. " bytes, the limit is " .. NAME end
  if #value > VALUE then return "the tag " .. shown(name) .. " has " .. #value .. " bytes, the limit is " .. VALUE end
  if not node.isHere() then return nil end
  if node.isBroken(name) then return "a HyperBEAM node cannot encode the tag name " .. shown(name) end
  if not utf8.len(name) or not utf8.len(value) then return "the tag " .. shown(name) .. " is not UTF-8" end
  return nil
end

--- Why tags cannot be sent, or nil.
-- @tparam table tags a list of { name, value }
function sendable.problem(tags)
  local bytes = 0
  for _, tag in ipairs(tags) do
    local name, value = tostring(tag.name), tostring(tag.value)
    local problem = ofTag(name, value)
    if problem then return problem end
    bytes = bytes + #name + #value + EACH
  end
  if bytes > ALL - ADDED then return "the tags have " .. bytes .. " bytes in total, the limit is " .. ALL - ADDED end
  return nil
end

--- Raises `TOO_LARGE` if a message with these tags and this Data cannot be sent.
function sendable.check(tags, text)
  local problem = sendable.problem(tags)
  if not problem and #text > DATA then problem = "Data has " .. #text .. " bytes, the limit is " .. DATA end
  if not problem and node.isHere() and not utf8.len(text) then problem = "Data is not UTF-8" end
  if problem then
    error(fail.new("TOO_LARGE", "the request cannot be sent on: " .. problem, "Nothing was sent. Put long content in the Data, and use short tags."))
  end
end

--- Raises `TOO_LARGE` if the name of an action or a service is too long.
function sendable.checkName(kind, name, most)
  if #name <= most then return end
  error(fail.new("TOO_LARGE", "the name of the " .. kind .. " (" .. shown(name) .. ") has " .. #name .. " bytes, the limit is " .. most,
    "Nothing was sent. Use the name of " .. (kind == "action" and "an action" or "a service") .. " of the fleet."))
end

--- A name that is short enough for a tag of an answer.
function sendable.name(text)
  return #text <= sendable.ACTION and text or node.text(cut(text, sendable.ACTION))
end

return sendable
