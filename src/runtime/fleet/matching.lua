--- Which open call a message answers.
local envelope = require("fleet.envelope")
local handlers = require("fleet.handlers")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local store = require("fleet.store")

local matching = {}

--- The number that aos gave a message; `msg.reply` of an aos receiver gives it back as X-Reference. aos 1 has none.
function matching.reference(sent)
  for _, tag in ipairs(type(sent) == "table" and type(sent.Tags) == "table" and sent.Tags or {}) do
    if tag.name == "Reference" then return tag.value end
  end
  return nil
end

-- A program that names nothing in its reply is known by the chain alone: the network says of each message for which first message it was
-- pushed. Where two calls to one process wait in one chain, nobody can say which of them it answers.
local function byChain(msg)
  local chain, found = envelope.pushedFor(), nil
  if not chain or envelope.tag(msg, "Fleet-Notice") or registry.find(msg.Action) then return nil end
  for correlation, call in pairs(store.calls.open) do
    if call.target == msg.From and call.chain == chain then
      if found then return nil end
      found = correlation
    end
  end
  -- What the program itself takes is asked of it, or told to it.
  return found and not handlers.takes(msg, true) and found or nil
end

local function byReference(msg, reference)
  for correlation, call in pairs(store.calls.open) do
    if call.target == msg.From and call.reference == reference then return correlation end
  end
  return nil
end

--- The correlation id of the open call that a message answers, or nil: by its `Correlation-Id`, by aos' `X-Reference`, or by the chain
-- of messages where it has neither; and in any case by who sent it.
function matching.find(msg)
  if store.calls.count == 0 or msg.Action == "Eval" then return nil end
  local named, reference = envelope.tag(msg, "Correlation-Id") or "", envelope.tag(msg, "X-Reference") or ""
  local call = store.calls.open[named]
  -- Who asks this process for something may hand the correlation id on.
  if call and call.target == msg.From and (reply.isResponse(msg.Action) or not registry.find(msg.Action)) then return named end
  if reference ~= "" then return byReference(msg, reference) end
  if named ~= "" then return nil end
  return byChain(msg)
end

return matching
