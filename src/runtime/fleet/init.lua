--- The library of every process in a fleet: actions, roles, state, health, settings and calls. It has one global, `Fleet`, which
-- `require("fleet")` also returns; data under it survives an in-place load.
--
-- ```lua
-- local fleet = require("fleet")
-- fleet.process { name = "counter", processType = "COUNTER", version = "1.0.0", capabilities = { "COUNTING" } }
-- local S = fleet.state("counter", { n = 0 })
-- fleet.on("ADD", { schema = { by = { type = "integer", required = true, min = 1 } }, once = true }, function(data)
--   S.n = S.n + data.by
--   return { n = S.n }
-- end)
-- ```
--
-- If a handler raises an error, all its changes of states are undone (see `fleet.state`).
-- `error(fleet.fail(code, message, remedy))` is sent as the answer, any other error as `INTERNAL`.
local store = require("fleet.store")
local auth = require("fleet.auth")
local calls = require("fleet.calls")
local commit = require("fleet.commit")
local config = require("fleet.config")
local dispatch = require("fleet.dispatch")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local handlers = require("fleet.handlers")
local json = require("fleet.json")
local log = require("fleet.log")
local migrate = require("fleet.migrate")
local partition = require("fleet.partition")
local published = require("fleet.published")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local sentFor = require("fleet.sent-for")
local state = require("fleet.state")
local stats = require("fleet.stats")
local results = require("fleet.handler-results")
local validate = require("fleet.validate")
local wiring = require("fleet.wiring")

local Fleet = Fleet

envelope.install()
sentFor.install()
require("fleet.actions")

--- Declares the process. Without it, the program counts as one that does not use the fleet: it still answers the
-- control actions, and its inbox is not touched.
-- @tparam table info name, processType, version, capabilities, endpoints (default: its actions), stateVersion (default:
--   the last shape of its migrations)
function Fleet.process(info)
  if type(info) ~= "table" or type(info.name) ~= "string" or info.name == "" then error("fleet.process: name is required", 2) end
  store.process = {
    declared = true,
    name = info.name,
    processType = info.processType or info.name:upper():gsub("%-", "_"),
    version = tostring(info.version or "0.0.0"),
    capabilities = info.capabilities or {},
    endpoints = info.endpoints or {},
    stateVersion = info.stateVersion,
  }
end

--- Declares an action; see `registry.on` for the options.
Fleet.on = registry.on
--- Declares a persistent table; see `state.declare`.
Fleet.state = state.declare
--- Creates a failure to raise: `error(fleet.fail("NO_FUNDS", "…", "…"))`; a fourth table adds members to `error`.
Fleet.fail = fail.new
--- Whether a caught error is such a failure.
Fleet.isFailure = fail.is
--- Declares a health check; see `registry.check`.
Fleet.check = registry.check
--- Declares an invariant; see `registry.invariant`.
Fleet.invariant = registry.invariant
--- Declares a migration; see `migrate.add`.
Fleet.migrate = migrate.add
--- A distributed setting or the default: `fleet.config("PROCESS_CONFIG", "requestTimeout", 30000)`.
Fleet.config = config.get
--- Whether a feature is on (`FEATURE_FLAGS`): `fleet.flag("ranked", true)`; the second argument is the default.
Fleet.flag = config.flag
--- The entry of `SERVICES` for a name: the id, address or URL, and its kind.
Fleet.service = config.service
--- Checks a config without applying it: a list of { path, got, expected }.
Fleet.checkConfig = config.check
--- Whether a config type is built in.
Fleet.isConfigType = require("fleet.config-types").isBuiltin
--- The failure `INVALID_CONFIG` for such a list.
Fleet.configRefusal = config.refusal
--- The hash of a config: sha256 of its canonical JSON.
Fleet.configHash = config.hash
--- Compares versions of configs: −1, 0 or 1.
Fleet.compareVersions = config.compareVersions
--- Checks data against a schema: a list of { path, got, expected }; see `validate`.
Fleet.validate = validate.check
--- Checks an external schema; raises an error if it is invalid.
Fleet.checkSchema = validate.checkSchema
--- Appends to the log: `fleet.log("WARN", "…")`.
Fleet.log = log.write
--- The figures of `GET_STATISTICS`.
Fleet.statistics = stats.report
--- Guard, state and commit of a load.
Fleet.guard = commit.guard
Fleet.restore = commit.restore
Fleet.commit = commit.commit
--- The player that a message acts for; see `auth.player`.
Fleet.player = auth.player
--- Defers the reply; see `calls.later`.
Fleet.later = calls.later
--- The id of a wired peer, or nil.
Fleet.peer = wiring.peer
--- All wired peers: name → id (a copy).
Fleet.peers = wiring.all
--- The wired peers without the fleet's library, which do not answer its actions: id → name.
Fleet.peersWithoutLibrary = wiring.withoutLibrary
--- Calls a wired peer; see `wiring.call`.
Fleet.call = wiring.call
--- Calls any process: `fleet.ask(id, action, data, function(reply, msg) end, options)`.
Fleet.ask = wiring.ask
--- Marks a table as a JSON object, which matters when it is empty.
Fleet.object = json.object
--- Canonical JSON: `fleet.json.encode(value)`, `fleet.json.decode(text)` → value or nil, problem.
Fleet.json = json
--- sha256 of a string, in hex.
Fleet.sha256 = require("fleet.sha256")

--- Scheduler time of the message, in milliseconds. There is no other clock.
function Fleet.now(msg)
  return msg and envelope.of(msg).at or envelope.now()
end

--- The message's slot in the process, or nil if the network does not report it.
function Fleet.slot(msg)
  return envelope.of(msg).slot
end

--- Whether the message is a tick of the process' cron: the messenger unit's, or one that the fleet's monitor signed as the owner.
function Fleet.isCron(msg)
  return envelope.of(msg).cron
end

--- A tag as the sender set it, or nil.
Fleet.tag = envelope.tag

--- The correlation id of a message.
function Fleet.correlation(msg)
  return reply.address(msg).correlation
end

--- Whether the sender of a message has a role: anyone, peer, deployer, owner (deployers are peers too).
function Fleet.is(msg, role)
  return auth.allows(role, msg)
end

--- The process' epoch. The ledger raises it by compare-and-set with `fleet.setEpoch`.
function Fleet.epoch()
  return store.epoch
end

--- Raises the epoch; a lower one is ignored.
function Fleet.setEpoch(n)
  require("fleet.epoch").raise(require("fleet.epoch").parse(n))
end

--- Answers a request that was deferred with `fleet.later`.
function Fleet.reply(msg, data)
  calls.answer(msg, true, reply.success(data))
end

--- Refuses a deferred request. Also accepts a failure of `fleet.fail`, or the `error` of a peer's reply.
function Fleet.replyError(msg, code, message, remedy)
  local failure = code
  if type(code) ~= "table" then failure = fail.new(code, message, remedy) end
  calls.answer(msg, false, reply.failure(fail.new(failure.code, failure.message, failure.remedy, fail.body(failure))))
end

results.install(dispatch.isClosed, partition.heldNow)
published.install()
handlers.install(dispatch.first, dispatch.handle, dispatch.matchesLast, dispatch.last)

return Fleet
