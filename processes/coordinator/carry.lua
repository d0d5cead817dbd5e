--- Carrying a player's message to a service and its answer back.
local fleet = require("fleet")
local envelope = require("fleet.envelope")
local once = require("fleet.once")
local protected = require("fleet.run").protected
local reply = require("fleet.reply")
local router = require("fleet.router")
local routing = require("routing")
local runs = require("runs")

local carry = {}

--- Sends on in the player's name, to the revision that the table gives the player; the service's answer, success or error, becomes the answer to the message.
--- @param msg table
--- @param service string
--- @param action string
--- @param data table
function carry.on(msg, service, action, data)
  local ok, code, message, remedy = routing.allowed(service, action, router.knows(service))
  if not ok then
    error(fleet.fail(code, message, remedy))
  end
  fleet.later(msg)
  local request = {
    player = fleet.player(msg), data = data,
    tag = function(name) return fleet.tag(msg, name) end,
  }
  router.call(service, request, action, data, function(answer)
    if answer.success then
      fleet.reply(msg, answer)
    else
      fleet.replyError(msg, answer.error)
    end
  end, { timeout = runs.patience(), tags = { ["On-Behalf-Of"] = request.player }, uncounted = routing.OBSERVED[action] })
end

--- Whether a message names its service by a tag: it is carried as it is. Actions that the coordinator has itself,
-- such as Info, stay its own; ROUTE carries those too.
--- @param msg table
--- @return boolean
function carry.matches(msg)
  local service, action = fleet.tag(msg, "Service"), msg.Action
  return service ~= nil and type(action) == "string" and action ~= "" and not action:find("%-Response$") and action ~= "Eval"
end

--- Largest Data that is carried, in bytes.
carry.MAX_BYTES = 1024 * 1024

local function read(msg)
  local text = envelope.of(msg).data
  if text == nil or text == "" then
    return fleet.object()
  elseif type(text) ~= "string" then
    error(fleet.fail("BAD_JSON", "Data is no text", "send a JSON object as Data"))
  elseif #text > carry.MAX_BYTES then
    error(fleet.fail("TOO_LARGE", "Data has " .. #text .. " bytes, at most " .. carry.MAX_BYTES .. " are carried", "send less at once"))
  end
  local data, problem = fleet.json.decode(text)
  if problem or type(data) ~= "table" then
    error(fleet.fail("BAD_JSON", "Data is not a JSON object: " .. tostring(problem or "it is a " .. type(data)), "send a JSON object as Data"))
  end
  return data
end

--- Carries such a message, at most once for a correlation id.
--- @param msg table
function carry.handle(msg)
  local to = reply.address(msg)
  local key = once.key(fleet.player(msg), "Service/" .. msg.Action, to.correlation)
  local earlier = once.find(key)
  if earlier then
    -- While the first one's answer is still to come there is nothing to repeat.
    if earlier.text then
      reply.send(to, earlier.ok, earlier.text)
    end
    return
  end
  once.begin(key)
  local ok, raised = protected(function()
    carry.on(msg, fleet.tag(msg, "Service"), msg.Action, read(msg))
  end, { id = msg.Id, readonly = true, onceKey = key })
  if not ok then
    once.forget(key)
    if not fleet.isFailure(raised) then
      fleet.fault(msg.Action, tostring(raised))
      raised = fleet.fail("INTERNAL", "the message could not be carried", "tell the owner of the coordinator; its LOGS have the details")
    end
    reply.send(to, false, reply.failure(raised))
  end
end

return carry
