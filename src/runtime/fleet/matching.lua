--- Finds the open call that a message answers.
local envelope = require("fleet.envelope")
local node = require("fleet.node")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local sentFor = require("fleet.sent-for")
local store = require("fleet.store")

local matching = {}

--- Tags by which an answer names its request, in lower case: aos' numbers, and where and how it is answered. A call has its own.
matching.IDS = { ["reference"] = true, ["ref_"] = true, ["x-reference"] = true, ["correlation-id"] = true, ["reply-to"] = true }

--- Whether a process is a peer that was wired as one without the library.
-- @tparam string name of the peer, or an id
function matching.hasNoLibrary(name, target)
  for _, each in ipairs(store.withoutLibrary or {}) do
    if each == name or store.peers[each] == target then return true end
  end
  return false
end

--- The correlation id of a call. A program without the library can be made to repeat any id, so that of a call to it contains the time
-- at which the request is scheduled. Whoever forges the answer has to guess it in milliseconds, or to read it and be faster than the program.
function matching.correlation(seq, isPlain)
  local id, current = ao.id .. ":" .. seq, Fleet.current
  return isPlain and current and id .. ":" .. tostring(current.id) .. ":" .. math.floor(current.at) or id
end

--- Tags by which a program of aos 2 repeats a correlation id; the library takes a message with both for a request.
function matching.tags(correlation)
  return { { name = "X-Reference", value = correlation }, { name = "Reply-To", value = ao.id } }
end

local function isInChain(call)
  return call.chain ~= nil and envelope.pushedFor() == call.chain
end

-- Whether the library of the sender means a call of this process, by the number that it names. Versions before this one read no numbers of aos 1.
local function isNumbered(call, from, reference)
  if from ~= ao.id then return false end
  if reference and call.reference then return reference == call.reference end
  return (call.reference == nil or ao.reference == nil) and (node.isHere() or isInChain(call))
end

-- Whether a message belongs to a call. Its sender and the ids in it do not prove that: anybody can have a plain program send a message with
-- any ids. The library of the sender names the request (`fleet.sent-for`). Without it, only the network says something, by the first message of the
-- chain, and no node does that. It is no proof: whoever caused the request, or gets a message because of it, can send messages in its chain.
-- What a program without the library says by a tag of that name may be copied from a message.
-- @treturn boolean
-- @treturn boolean whether the message needs no id
local function isFor(call)
  local from, reference = envelope.sentFor()
  if from and call.own then
    local isIts = from == sentFor.OWN and reference == call.own
    return isIts, isIts
  end
  if from and not matching.hasNoLibrary(call.name, call.target) then
    local isIts = isNumbered(call, from, reference)
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
    if each.target == msg.From and (each.repeats or each.reference) == reference and isFor(each) then return id end
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
