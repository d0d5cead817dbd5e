--- For which request a process sends a message. A caller recognizes the answer to its call by a number that anybody can read, and that anybody can
-- have a plain program repeat: aos' `msg.reply` sends what `Reply-To` and `X-Reference` of any message say. Therefore every message that leaves the
-- process has a tag that names the request that it was sent for: its sender, the sender's number of it, and the message that was handled. The
-- library writes it last and removes any other of that name, so neither the program nor a tag that it copied can set it.
--
-- A message is sent for the message that is handled, with these exceptions: `msg.reply` belongs to its own message, whenever it is called; a handler
-- that waited (`Receive`) belongs to the message that it began with; a continuation belongs to the request that made the call.
local node = require("fleet.node")
local tags = require("fleet.tags")

local sentFor = {}

sentFor.TAG = "Fleet-Sent-For"

--- The sender of a request that a process answers itself, by the message that makes it. No message has this sender, so no program can send for it.
sentFor.OWN = "own"

--- What stands for a sender, number or id that there is none of.
local NONE = "-"
local LONGEST = 64

local function part(value)
  local text = tostring(value or "")
  return #text <= LONGEST and text:find("^[%w_%-]+$") and text or NONE
end

-- aos answers some messages itself before it knows that their `From` is forged: the signer is the sender of those.
local function isTrusted(current)
  if current.owner == nil or current.owner == current.from then return true end
  local ok, trusted = pcall(ao.isTrusted, { From = current.from, Owner = current.owner, Tags = {} })
  return ok and trusted == true
end

local function requestOf(current)
  if not isTrusted(current) then return { from = current.owner } end
  return { from = current.from, reference = current.reference }
end

--- The number that aos gave a message, which names it in `X-Reference` and in the tag of this module; nil if it has none. aos 1 calls it `Ref_`. aos puts
-- its own before the tags of the program, which may be copied from a message. Nodes run no aos 1.
-- @tparam ?table list the tags
function sentFor.number(list)
  local reference = tags.first(list, "Reference")
  if node.isHere() then return reference end
  for _, tag in ipairs(type(list) == "table" and list or {}) do
    local name = type(tag) == "table" and tag.name
    if name == "Reference" then return reference end
    if name == "Ref_" then return tags.first(list, "Ref_") end
  end
  return nil
end

-- The coroutine of a message; nil in the main one, which all messages share.
local function thread()
  local running, isMain = coroutine.running()
  return not isMain and running or nil
end

--- The request that a message is sent for now: { from, reference? }; nil before the first message.
function sentFor.request()
  if Fleet.sendingFor then return Fleet.sendingFor end
  local own = thread()
  local begun = own and Fleet.begunFor and Fleet.begunFor[own]
  if begun then return begun end
  local context = Fleet.context
  if context and context.sentFor then return context.sentFor end
  return Fleet.current and requestOf(Fleet.current)
end

--- Calls a function that sends for a request.
-- @tparam table request { from, reference? }
function sentFor.with(request, fn, ...)
  local before = Fleet.sendingFor
  Fleet.sendingFor = request
  local ok, result = pcall(fn, ...)
  Fleet.sendingFor = before
  if not ok then error(result, 0) end
  return result
end

--- Called when the handlers of a message begin, in its coroutine.
function sentFor.begin(msg)
  if not Fleet.current or Fleet.current.id ~= msg.Id then return end
  local request, own, reply = requestOf(Fleet.current), thread(), msg.reply
  if own then
    Fleet.begunFor = Fleet.begunFor or setmetatable({}, { __mode = "k" })
    Fleet.begunFor[own] = request
  end
  if type(reply) == "function" then
    msg.reply = function(...) return sentFor.with(request, reply, ...) end
  end
end

local function wrap(send)
  return function(...)
    local sent = send(...)
    local request, outbox = sentFor.request(), ao.outbox.Messages
    local last = outbox[#outbox]
    -- A node would publish the tag of a patch.
    if not request or type(sent) ~= "table" or type(sent.Tags) ~= "table" or node.isHere() and node.isPatch(sent) then return sent end
    local value = part(request.from) .. " " .. part(request.reference) .. " " .. part(Fleet.current and Fleet.current.id)
    tags.set(sent.Tags, sentFor.TAG, value)
    if last and last.Target == sent.Target and type(last.Tags) == "table" and last.Tags ~= sent.Tags then tags.set(last.Tags, sentFor.TAG, value) end
    return sent
  end
end

--- Installs the wrapper of aos' function; a later bundle replaces it instead of wrapping it again.
function sentFor.install()
  if type(ao) ~= "table" or type(ao.send) ~= "function" then return end
  if ao.send ~= Fleet.send then Fleet.aosSend = ao.send end
  Fleet.send = wrap(Fleet.aosSend)
  ao.send = Fleet.send
end

--- The request that a received message was sent for, as its sender's library says; nil if it says nothing.
-- @tparam ?string text the tag
-- @treturn ?string its sender
-- @treturn ?string the sender's number of it
function sentFor.parse(text)
  local from, reference = tostring(text or ""):match("^(%S+) (%S+) %S+$")
  return from, reference ~= NONE and reference or nil
end

return sentFor
