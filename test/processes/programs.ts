/** Small programs that the library's tests load. */

/** Counts, and fails on request in every way that a handler can fail. */
export const COUNTER = `
local fleet = require("fleet")
fleet.process { name = "counter", processType = "COUNTER", version = "1.0.0", capabilities = { "COUNTING" } }
local S = fleet.state("counter", { n = 0, nested = { list = {} }, byName = {} })
local items = S.nested.list
local history = fleet.state("history", {}, { undo = "append" })

local function add(data, msg)
  S.n = S.n + data.by
  S.byName[fleet.player(msg)] = (S.byName[fleet.player(msg)] or 0) + data.by
  items[#items + 1] = { by = data.by }
  history[#history + 1] = data.by
  if data.fail then
    S.nested.extra = { 1 }
    items[1].by = "spoilt"
    S.byName = nil
    ao.send({ Target = "somebody", Data = "must not be sent" })
    fleet.call("friend", "PING", {}, function() S.n = -1 end)
    if data.fail == "fault" then error("boom") end
    if data.fail == "raise" then error({ message = "a table" }) end
    if data.fail == "nil" then local x = nil; return x.y end
    if data.fail == "reply" then return { f = print } end
    if data.fail == "number" then return 5 end
    if data.fail == "deep" then local function f() return 1 + f() end return f() end
    if data.fail == "wait" then Receive({ Action = "Never" }) return {} end
    error(fleet.fail("TOO_BAD", "cannot be", "Try less."))
  end
  return { n = S.n }
end

local SCHEMA = { by = { type = "integer", required = true, min = 1, max = 100 }, fail = { type = "string" } }
fleet.on("ADD", { schema = SCHEMA }, add)
fleet.on("ADD_ONCE", { schema = SCHEMA, once = true }, add)
fleet.on("FOR_PEERS", { who = "peer" }, function() return {} end)
fleet.on("FOR_DEPLOYERS", { who = "deployer" }, function() return {} end)
fleet.on("FOR_FUNCTION", { who = function(msg) return #msg.From > 1000 or error("the rule itself fails") end }, function() return {} end)
fleet.on("ASK", { once = true }, function(data, msg)
  fleet.call("friend", data.action or "PING", { x = 1 }, function(reply)
    S.n = S.n + 1
    if data.fail then error("the continuation fails") end
    if reply.success then fleet.reply(msg, { got = reply, n = S.n }) else fleet.replyError(msg, reply.error) end
  end)
  return fleet.later(msg)
end)
fleet.on("PING", {}, function(data) return { pong = data.x or 0 } end)
fleet.on("SILENT", { silent = true }, function() return {} end)
fleet.on("TIME", {}, function(_, msg) return { now = fleet.now(msg), slot = fleet.slot(msg), cron = fleet.isCron(msg), id = msg.Id } end)
fleet.on("SPEAK", {}, function(data) fleet.log(data.level, data.text) return {} end)
fleet.invariant("never below zero", function() return S.n >= 0, "n is " .. S.n end)
fleet.check("room", "LIVENESS", function() return S.n < 1000, "n is " .. S.n end)
`;

/** A program that was not written for the fleet: a catch-all first, its own handlers, an inbox that it reads. */
export const FOREIGN = `
Balances = Balances or {}
Seen = Seen or 0
Handlers.add("watch", function(msg) return "continue" end, function(msg) Seen = Seen + 1 end)
Handlers.add("everything", function(msg) return msg.Tags.Swallow ~= nil end, function(msg) end)
Handlers.add("Balance", Handlers.utils.hasMatchingTag("Action", "Balance"), function(msg)
  msg.reply({ Data = tostring(Balances[msg.From] or 0) })
end)
`;
