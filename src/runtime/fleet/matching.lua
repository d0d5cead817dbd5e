--- Finds the open call that a message answers.
local envelope = require("fleet.envelope")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local store = require("fleet.store")

local matching = {}

--- The number that aos gave a message; `msg.reply` of an aos receiver returns it as X-Reference. aos 1 has none.
function matching.reference(sent)
  for _, tag in ipairs(type(sent) == "table" and type(sent.Tags) == "table" and sent.Tags or {}) do
    if tag.name == "Reference" then return tag.value end
  end
  return nil
end

--- The correlation id of the open call that a message without any id may answer, or nil. It is only recognised by its chain: the network
-- reports for each message the first message that it was pushed for. If two calls to one process are open in one chain, the answered call is
-- ambiguous. A message that a handler of the program takes is a request or a notice instead.
function matching.byChain(msg)
  local chain, found = envelope.pushedFor(), nil
  if store.calls.count == 0 or msg.Action == "Eval" or not chain then return nil end
  if (envelope.tag(msg, "Correlation-Id") or "") ~= "" or (envelope.tag(msg, "X-Reference") or "") ~= "" then return nil end
  if envelope.tag(msg, "Fleet-Notice") or registry.find(msg.Action) then return nil end
  for correlation, call in pairs(store.calls.open) do
    if call.target == msg.From and call.chain == chain then
      if found then return nil end
      found = correlation
    end
  end
  return found
end

local function byReference(msg, reference)
  for correlation, call in pairs(store.calls.open) do
    if call.target == msg.From and call.reference == reference then return correlation end
  end
  return nil
end

--- The correlation id of the open call that a message answers, or nil: by its `Correlation-Id` or by aos' `X-Reference`, and in any case
-- by its sender.
function matching.find(msg)
  if store.calls.count == 0 or msg.Action == "Eval" then return nil end
  local named, reference = envelope.tag(msg, "Correlation-Id") or "", envelope.tag(msg, "X-Reference") or ""
  local call = store.calls.open[named]
  -- A request to this process may reuse the correlation id.
  if call and call.target == msg.From and (reply.isResponse(msg.Action) or not registry.find(msg.Action)) then return named end
  return reference ~= "" and byReference(msg, reference) or nil
end

return matching
