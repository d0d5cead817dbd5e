--- Forwards messages of any shape to the fleet's services, and their answers back: `require("fleet.carry").serve()` makes
-- a process the entry point of its fleet.
--
-- ```lua
-- local fleet = require("fleet")
-- fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
-- require("fleet.carry").serve()
-- ```
--
-- Clients send any action with the tag `Service`, or `ROUTE`. The service gets the same action, data and tags from the router, with the
-- client in `On-Behalf-Of`; tags of the message itself, such as `Reply-To` or `Cron`, are not forwarded.
local admission = require("fleet.admission")
local answers = require("fleet.answer")
local auth = require("fleet.auth")
local calls = require("fleet.calls")
local dispatch = require("fleet.dispatch")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local handlers = require("fleet.handlers")
local json = require("fleet.json")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local router = require("fleet.router")
local rules = require("fleet.carry-rules")
local sendable = require("fleet.sendable")

local carry = {}

--- Largest Data that is forwarded, in bytes.
carry.MAX_BYTES = 1024 * 1024

local options = {}

--- Time limit of a service in ms: twice that of a call, because the service may call another one.
function carry.timeout()
  return 2 * calls.timeout()
end

local function served()
  local names = {}
  for _, name in ipairs(router.services()) do
    if rules.open(name, router.entry(name), options) ~= false then names[#names + 1] = name end
  end
  return names
end

-- A success is returned unchanged; a fault or a refusal is returned with its code and message in the library's shape.
-- What waits for the answer keeps only what the answer needs: bodies of 1 MB would fill the memory.
local function back(msg)
  local asked = { Id = msg.Id, From = msg.From, Action = msg.Action }
  return function(answer, _, raw)
    if not answer.success then
      local tags = raw and raw.tags or nil
      return calls.answer(asked, false, reply.failure(fail.new(answer.error.code, answer.error.message, answer.error.remedy, answer.error)), tags)
    end
    local tags = raw.tags
    if raw.action ~= "" and raw.action ~= asked.Action .. "-Response" and not reply.isResponse(raw.action) then
      tags["Reply-Action"] = raw.action
    end
    calls.answer(asked, true, raw.text, tags)
  end
end

local function checkNames(service, action)
  sendable.checkName("service", service, sendable.SERVICE)
  sendable.checkName("action", action, sendable.ACTION)
end

--- Forwards on behalf of the sender, to the revision that the table assigns to the sender; the service's answer becomes the answer to the
-- message.
-- @tparam table given `data`: parsed, if it is a JSON object · `text`: the text to send, else `data` as JSON · `tags`
function carry.on(msg, service, action, given)
  if options.admit then options.admit(msg) end
  local ok, code, message, remedy =
    rules.allowed(service, action, router.knows(service), router.entry(service), options, served())
  if not ok then error(fail.new(code, message, remedy)) end
  admission.forward(action, msg)
  calls.later(msg, { group = service, bytes = 0 })
  local player = auth.player(msg)
  local request = {
    player = player, data = given.data,
    tag = function(name) return envelope.tag(msg, name) end,
  }
  local tags = given.tags or {}
  tags["On-Behalf-Of"] = player
  router.call(service, request, action, given.data, back(msg), {
    timeout = carry.timeout(), tags = tags, text = given.text, uncounted = rules.OBSERVED[action],
    -- The sender may lose its place: then nobody waits for the answer.
    forwards = function() end,
  })
end

--- Whether a message names its service by a tag: then it is forwarded unchanged. The router answers its own actions, such as Info, itself;
-- ROUTE also forwards those.
function carry.matches(msg)
  local service, action = envelope.tag(msg, "Service"), msg.Action
  if envelope.isRepeated(msg) then return false end
  return service ~= nil and type(action) == "string" and action ~= "" and not reply.isResponse(action) and action ~= "Eval"
end

local function read(msg)
  checkNames(envelope.tag(msg, "Service"), msg.Action)
  local text = envelope.of(msg).data
  if text == nil then text = "" end
  if type(text) ~= "string" then
    error(fail.new("BAD_JSON", "Data is not a string", "send a string as Data"))
  elseif #text > carry.MAX_BYTES then
    error(fail.new("TOO_LARGE", "Data has " .. #text .. " bytes, the limit is " .. carry.MAX_BYTES, "send less data"))
  end
  local data, problem
  if text == "" then data = json.object() else data, problem = json.decode(text) end
  if type(data) == "table" then
    return { data = data, text = (text ~= "" or not options.objects) and text or nil, tags = answers.tags(msg) }
  end
  if options.objects then
    error(fail.new("BAD_JSON", "Data is not a JSON object: " .. tostring(problem or "it is a " .. type(data)), "send a JSON object as Data"))
  end
  return { text = text, tags = answers.tags(msg) }
end

-- Forwards such a message, at most once per correlation id. The limits of ROUTE apply to it, too.
local ENTRY = {
  action = "ROUTE", who = "anyone", once = true, forwards = true, read = read,
  onceAs = function(msg) return "Service/" .. msg.Action end,
  handler = function(given, msg) carry.on(msg, envelope.tag(msg, "Service"), msg.Action, given) end,
}

--- Makes this process the fleet's entry point.
-- @tparam ?table given `open`: service → true, false or the list of its actions that are forwarded for anyone (default: for services with
--   a table, all actions or those in its declaration (`routed`); for other peers only Info, HEALTH_CHECK and GET_STATISTICS) ·
--   `declared = false`: only what `open` lists · `objects`: Data must be a JSON object · `handler`: name of the handler ·
--   `admit`: function of the message that raises a failure if its sender may not use the services
function carry.serve(given)
  options = given or {}
  registry.on("ROUTE", {
    who = "anyone", once = true, forwards = true,
    schema = {
      service = { type = "string", required = true, maxLength = sendable.SERVICE },
      action = { type = "string", required = true, maxLength = sendable.ACTION },
      data = { type = "table" },
    },
  }, function(data, msg)
    carry.on(msg, data.service, data.action, { data = data.data or json.object() })
  end)
  registry.on("LIST_SERVICES", { who = "anyone", readonly = true }, function()
    local services = {}
    for i, name in ipairs(router.services()) do
      local open = rules.open(name, router.entry(name), options)
      services[i] = {
        service = name, processId = router.target(name, { player = "" }), open = open ~= false,
        actions = type(open) == "table" and open or nil,
      }
    end
    return { services = services, count = #services }
  end)
  dispatch.way(options.handler or handlers.SERVICE, carry.matches, ENTRY)
end

return carry
