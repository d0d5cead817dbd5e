--- Finds the open call that a message answers.
local envelope = require("fleet.envelope")
local node = require("fleet.node")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local sentFor = require("fleet.sent-for")
local store = require("fleet.store")

local matching = {}

--- The number that aos gave a message; `msg.reply` of an aos receiver returns it as X-Reference. aos 1 has none. It is the first of that name:
-- the tags of the program, which may be copied from a message, come after it.
function matching.reference(sent)
  for _, tag in ipairs(type(sent) == "table" and type(sent.Tags) == "table" and sent.Tags or {}) do
    if tag.name == "Reference" then return tag.value end
  end
  return nil
end

local function hasNoLibrary(name)
  for _, each in ipairs(store.withoutLibrary or {}) do
    if each == name then return true end
  end
  return false
end

local function isInChain(call)
  return call.chain ~= nil and envelope.pushedFor() == call.chain
end

-- Whether a message belongs to a call. Its sender and the ids in it do not prove that: anybody can have a plain program send a message with
-- any ids. The library of the sender names the request (`fleet.sent-for`). Without it, only the network does, by the first message of the chain,
-- and no node does that. What a program without the library says by a tag of that name may be copied from a message.
-- @treturn boolean
-- @treturn boolean whether that is certain, so that the message needs no id
local function isFor(call)
  local from, reference = envelope.sentFor()
  if from and call.own then
    local isIts = from == sentFor.OWN and reference == call.own
    return isIts, isIts
  end
  if from and not hasNoLibrary(call.name) then
    -- aos 1 numbers no messages.
    local isIts = from == ao.id and reference == call.reference and (reference ~= nil or node.isHere() or isInChain(call))
    return isIts, isIts
  end
  if node.isHere() then return true, false end
  local isIts = isInChain(call)
  return isIts, isIts
end

local function named(msg, correlation, reference)
  local call = store.calls.open[correlation]
  -- A request to this process may reuse the correlation id.
  if call and call.target == msg.From and isFor(call) and (reply.isResponse(msg.Action) or not registry.find(msg.Action)) then return correlation end
  if reference == "" then return nil end
  for id, each in pairs(store.calls.open) do
    if each.target == msg.From and each.reference == reference and isFor(each) then return id end
  end
  return nil
end

local function ids(msg)
  return envelope.tag(msg, "Correlation-Id") or "", envelope.tag(msg, "X-Reference") or ""
end

--- The correlation id of the open call that a message without any id answers, or nil. Without the library of the sender, it is only recognised by its
-- chain. If two calls to one process are possible, the answered call is ambiguous. A message that a handler of the program takes is a
-- request or a notice instead.
function matching.unnamed(msg)
  if store.calls.count == 0 or msg.Action == "Eval" or envelope.tag(msg, "Fleet-Notice") or registry.find(msg.Action) then return nil end
  local correlation, reference = ids(msg)
  if correlation ~= "" or reference ~= "" then return nil end
  local found
  for id, call in pairs(store.calls.open) do
    if call.target == msg.From and select(2, isFor(call)) then
      if found then return nil end
      found = id
    end
  end
  return found
end

--- The correlation id of the open call that a message answers, or nil: by its `Correlation-Id` or by aos' `X-Reference`, and in any case
-- by its sender and by the request that it was sent for.
function matching.find(msg)
  if store.calls.count == 0 or msg.Action == "Eval" then return nil end
  return named(msg, ids(msg))
end

return matching
