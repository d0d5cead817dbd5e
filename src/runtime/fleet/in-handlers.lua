--- What a handler calls: the message, settings, data, other processes.
local auth = require("fleet.auth")
local calls = require("fleet.calls")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local json = require("fleet.json")
local log = require("fleet.log")
local reply = require("fleet.reply")
local validate = require("fleet.validate")
local wiring = require("fleet.wiring")

local Fleet = Fleet

--- The player that a message acts for: the sender, or the caller for whom the fleet's router forwards the message.
-- @tparam table msg
-- @treturn string an address
-- @usage
-- fleet.on("WHO", {}, function(_, msg) return { isSender = fleet.player(msg) == msg.From } end)
-- -- WHO {} → {"isSender":true}
Fleet.player = auth.player

--- Whether the sender of a message has a role. Deployers are peers too.
-- @tparam table msg
-- @tparam string role `anyone`, `peer`, `deployer` or `owner`
-- @treturn boolean
-- @usage
-- fleet.on("RIGHTS", {}, function(_, msg) return { anyone = fleet.is(msg, "anyone"), peer = fleet.is(msg, "peer") } end)
-- -- RIGHTS {} → {"anyone":true,"peer":false}
function Fleet.is(msg, role)
  return auth.allows(role, msg)
end

--- Scheduler time of the message, in milliseconds. There is no other clock.
-- @tparam ?table msg default: the message that is handled
-- @treturn integer
-- @usage
-- fleet.on("TIME", {}, function(_, msg) return { isLate = fleet.now(msg) > 1500000000000 } end)
-- -- TIME {} → {"isLate":true}
function Fleet.now(msg)
  return msg and envelope.of(msg).at or envelope.now()
end

--- The message's slot in the process.
-- @tparam table msg
-- @treturn ?integer nil if the network does not report it
-- @usage
-- fleet.on("SLOT", {}, function(_, msg) return { hasSlot = fleet.slot(msg) ~= nil } end)
-- -- SLOT {} → {"hasSlot":true}
function Fleet.slot(msg)
  return envelope.of(msg).slot
end

--- Whether the message is a tick of the process' cron: the messenger unit's, or one that the fleet's monitor signed as the owner.
-- @tparam table msg
-- @treturn boolean
-- @usage
-- fleet.on("TICK", {}, function(_, msg) return { isCron = fleet.isCron(msg) } end)
-- -- TICK {} → {"isCron":false}
function Fleet.isCron(msg)
  return envelope.of(msg).cron
end

--- A tag as the sender set it.
-- @tparam table msg
-- @tparam string name
-- @treturn ?string nil without such a tag
-- @usage
-- fleet.on("TAGGED", {}, function(_, msg) return { action = fleet.tag(msg, "Action"), none = fleet.tag(msg, "Colour") } end)
-- -- TAGGED {} → {"action":"TAGGED"}
Fleet.tag = envelope.tag

--- The correlation id of a message, by which the sender matches the reply.
-- @tparam table msg
-- @treturn string the tag `Correlation-Id`, else the message's id
-- @usage
-- fleet.on("MATCHED", {}, function(_, msg) return { isId = fleet.correlation(msg) == msg.Id } end)
-- -- MATCHED {} → {"isId":true}
function Fleet.correlation(msg)
  return reply.address(msg).correlation
end

--- A distributed setting, or its default.
-- @tparam string configType
-- @tparam string key
-- @tparam ?any default the value if it was not distributed; without it, the type's own default
-- @treturn any
-- @usage
-- fleet.on("LIMIT", {}, function() return { limit = fleet.config("PROCESS_CONFIG", "requestTimeout", 30000) } end)
-- -- LIMIT {} → {"limit":30000}
Fleet.config = config.get

--- Whether a feature is on, by the config type `FEATURE_FLAGS`.
-- @tparam string name
-- @tparam ?boolean default the value if the flag is not set; false
-- @treturn boolean
-- @usage
-- fleet.on("FEATURES", {}, function() return { ranked = fleet.flag("ranked", true), betting = fleet.flag("betting") } end)
-- -- FEATURES {} → {"ranked":true,"betting":false}
Fleet.flag = config.flag

--- The address of an external service or of a member, by the config type `SERVICES`.
-- @tparam string name
-- @treturn ?string the id, address or URL; nil without such a service
-- @treturn ?string its kind: `process`, `wallet` or `url`
-- @usage
-- fleet.on("ORACLE", {}, function() return { isKnown = fleet.service("oracle") ~= nil } end)
-- -- ORACLE {} → {"isKnown":false}
Fleet.service = config.service

--- Appends a line to the log of the process, which `npx fleet call <member> LOGS` shows, unless its level is below `LOGGING_CONFIG.logLevel`.
-- @tparam string level `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`; anything else counts as `INFO`
-- @tparam any text at most 1,000 characters are kept
-- @usage
-- fleet.on("NOTE", {}, function() fleet.log("WARN", "the shelf is empty") return {} end)
-- -- NOTE {} → {"success":true}
Fleet.log = log.write

--- Checks data against a schema.
-- @tparam table data
-- @tparam table schema rules by field, as in `fleet.on`
-- @tparam ?boolean strict whether unknown fields are refused
-- @treturn table a list of `{ path, got, expected }`, at most 20; empty if the data is valid
-- @usage
-- fleet.on("CHECK", {}, function() return { problems = #fleet.validate({ by = "x" }, { by = { type = "integer" } }) } end)
-- -- CHECK {} → {"problems":1}
Fleet.validate = validate.check

--- Canonical JSON: `fleet.json.encode(value)` returns a string, `fleet.json.decode(text)` a value, or nil and a problem.
-- @field table
-- @usage
-- fleet.on("JSON", {}, function() return { text = fleet.json.encode({ b = 1, a = 2 }) } end)
-- -- JSON {} → {"text":"{\"a\":2,\"b\":1}"}
Fleet.json = json

--- Marks a table as a JSON object, which matters when it is empty.
-- @tparam ?table t default: a new table
-- @treturn table the same table
-- @usage
-- fleet.on("EMPTY", {}, function() return { list = {}, object = fleet.object({}) } end)
-- -- EMPTY {} → {"list":[],"object":{}}
Fleet.object = json.object

--- sha256 of a string.
-- @tparam string text
-- @treturn string in hex
-- @usage
-- fleet.on("HASH", {}, function() return { start = fleet.sha256("abc"):sub(1, 8) } end)
-- -- HASH {} → {"start":"ba7816bf"}
Fleet.sha256 = require("fleet.sha256")

--- The id of a wired peer.
-- @tparam string name
-- @treturn ?string nil if the process has no such peer
-- @usage
-- fleet.on("PEER", {}, function() return { isWired = fleet.peer("shop") ~= nil } end)
-- -- PEER {} → {"isWired":false}
Fleet.peer = wiring.peer

--- All wired peers.
-- @treturn table name → id, a copy
-- @usage
-- fleet.on("PEERS", {}, function() return { isAlone = next(fleet.peers()) == nil } end)
-- -- PEERS {} → {"isAlone":true}
Fleet.peers = wiring.all

--- The wired peers without the fleet's library, which do not answer its actions.
-- @treturn table id → name
-- @usage
-- fleet.on("PLAIN", {}, function() return { none = next(fleet.peersWithoutLibrary()) == nil } end)
-- -- PLAIN {} → {"none":true}
Fleet.peersWithoutLibrary = wiring.withoutLibrary

--- Calls a wired peer by its name. Nothing blocks: the reply is another message, with which the continuation is called.
-- @tparam string name
-- @tparam string action
-- @tparam ?table data
-- @tparam ?function continuation `function(reply, msg)`; `reply` has `success`, and `error` if that is false. Without it, the reply is ignored
-- @tparam ?table options `tags`, `timeout` (ms), `text` (sent as Data instead of `data`), `faultWhen`
-- @treturn string the correlation id
-- @raise a failure `PEER_UNKNOWN` if there is no such peer
-- @usage
-- fleet.on("BUY", {}, function(data, msg)
--   fleet.call("shop", "PURCHASE", { item = data.item }, function(reply)
--     if reply.success then fleet.reply(msg, { bought = data.item }) else fleet.replyError(msg, reply.error) end
--   end)
--   return fleet.later(msg)
-- end)
-- -- BUY {"item":"rope"} → {"error":{"code":"PEER_UNKNOWN"}}
Fleet.call = wiring.call

--- Calls any process by its id, as `fleet.call` does with a peer.
-- @tparam string id
-- @tparam string action
-- @tparam ?table data
-- @tparam ?function continuation
-- @tparam ?table options
-- @treturn string the correlation id
-- @usage
-- local PRICES = ("P"):rep(43)
-- fleet.on("PRICE", {}, function() return { isAsked = type(fleet.ask(PRICES, "GET_PRICE", {}, function() end)) == "string" } end)
-- -- PRICE {} → {"isAsked":true}
Fleet.ask = wiring.ask

--- Defers the reply to a message: a handler that returns what this returns is not answered yet.
-- @tparam table msg
-- @tparam ?table options `group`: what it waits for (default: the action); `bytes` of Data that the program keeps until the answer
-- @treturn nil
-- @raise a failure `BUSY` if `PROCESS_CONFIG.maxConcurrentRequests` requests are deferred, or they keep too many bytes
-- @usage
-- local waiting
-- fleet.on("WAIT", {}, function(_, msg) waiting = msg return fleet.later(msg) end)
-- fleet.on("FREE", {}, function() fleet.reply(waiting, { isFree = true }) return {} end)
-- -- WAIT {} → nothing
-- -- FREE {} → {"success":true}
Fleet.later = calls.later

--- Answers a request that was deferred with `fleet.later`.
-- @tparam table msg the deferred request
-- @tparam table data the members of the reply
-- @usage
-- fleet.on("NOW", {}, function(_, msg)
--   fleet.later(msg)
--   fleet.reply(msg, { n = 1 })
-- end)
-- -- NOW {} → {"success":true,"n":1}
function Fleet.reply(msg, data)
  calls.answer(msg, true, reply.success(data))
end

--- Refuses a request that was deferred with `fleet.later`.
-- @tparam table msg the deferred request
-- @tparam any code a code, a failure of `fleet.fail`, or the `error` of a peer's reply
-- @tparam ?string message with a code: one sentence in the sender's terms
-- @tparam ?string remedy with a code: what to do
-- @usage
-- fleet.on("CLOSED", {}, function(_, msg)
--   fleet.later(msg)
--   fleet.replyError(msg, "CLOSED", "The shop is closed.", "Come tomorrow.")
-- end)
-- -- CLOSED {} → {"success":false,"error":{"code":"CLOSED"}}
function Fleet.replyError(msg, code, message, remedy)
  local failure = code
  if type(code) ~= "table" then failure = fail.new(code, message, remedy) end
  calls.answer(msg, false, reply.failure(fail.new(failure.code, failure.message, failure.remedy, fail.body(failure))))
end

return true
