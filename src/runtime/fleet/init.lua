--- What every process of a fleet gets: actions, roles, state, health, settings and calls. One global, `Fleet`, which
-- `require("fleet")` gives too; what is kept under it survives an in-place load.
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
-- A handler computes first and then changes states; whatever it raises, nothing of it remains (see `fleet.state`).
-- `error(fleet.fail(code, message, remedy))` is answered as it is, any other error as `INTERNAL`.
local store = require("fleet.store")
local auth = require("fleet.auth")
local calls = require("fleet.calls")
local commit = require("fleet.commit")
local config = require("fleet.config")
local dispatch = require("fleet.dispatch")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local json = require("fleet.json")
local log = require("fleet.log")
local migrate = require("fleet.migrate")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local state = require("fleet.state")
local stats = require("fleet.stats")
local validate = require("fleet.validate")
local wiring = require("fleet.wiring")

local Fleet = Fleet

envelope.install()
require("fleet.actions")

--- Says what the process is. Without it the program is taken as one that knows nothing of the fleet: it answers the
-- control actions all the same, and its inbox is left alone.
-- @tparam table info name, processType, version, capabilities, endpoints (default: its actions), stateVersion (default:
--   where its migrations end)
function Fleet.process(info)
  if type(info) ~= "table" or type(info.name) ~= "string" or info.name == "" then error("fleet.process needs a name", 2) end
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
--- Makes a refusal to raise: `error(fleet.fail("NO_FUNDS", "…", "…"))`; a fourth table adds members to `error`.
Fleet.fail = fail.new
--- Whether something that was caught is such a refusal.
Fleet.isFailure = fail.is
--- Declares a health check; see `registry.check`.
Fleet.check = registry.check
--- Declares an invariant; see `registry.invariant`.
Fleet.invariant = registry.invariant
--- Declares a migration; see `migrate.add`.
Fleet.migrate = migrate.add
--- A distributed setting or the default: `fleet.config("PROCESS_CONFIG", "requestTimeout", 30000)`.
Fleet.config = config.get
--- Whether a feature is on (`FEATURE_FLAGS`): `fleet.flag("ranked", true)`; the second is what counts when nobody set it.
Fleet.flag = config.flag
--- What `SERVICES` says of a name: the id, address or URL, and which of these it is.
Fleet.service = config.service
--- Checks a config without taking it: a list of { path, got, expected }.
Fleet.checkConfig = config.check
--- Whether every process knows a type of settings.
Fleet.isConfigType = require("fleet.config-types").isBuiltin
--- The refusal `INVALID_CONFIG` for such a list.
Fleet.configRefusal = config.refusal
--- The hash of a config: sha256 of its canonical JSON.
Fleet.configHash = config.hash
--- Compares versions of configs: −1, 0 or 1.
Fleet.compareVersions = config.compareVersions
--- Checks data against a schema: a list of { path, got, expected }; see `validate`.
Fleet.validate = validate.check
--- Looks at a schema that came from outside; raises what is wrong with it.
Fleet.checkSchema = validate.checkSchema
--- Appends to the log: `fleet.log("WARN", "…")`.
Fleet.log = log.write
--- The figures of `GET_STATISTICS`.
Fleet.statistics = stats.report
--- Guard, state and commit of a load.
Fleet.guard = commit.guard
Fleet.restore = commit.restore
Fleet.commit = commit.commit
--- On whose behalf a message acts; see `auth.player`.
Fleet.player = auth.player
--- Puts the reply off; see `calls.later`.
Fleet.later = calls.later
--- The id of a wired peer, or nil.
Fleet.peer = wiring.peer
--- All wired peers: name → id (a copy).
Fleet.peers = wiring.all
--- The wired peers without the fleet's library, which answer none of its actions: id → name.
Fleet.peersWithoutLibrary = wiring.withoutLibrary
--- Calls a wired peer; see `wiring.call`.
Fleet.call = wiring.call
--- Calls any process: `fleet.ask(id, action, data, function(reply, msg) end, options)`.
Fleet.ask = wiring.ask
--- Marks a table as a JSON object, which matters when it is empty.
Fleet.object = json.object
--- Canonical JSON: `fleet.json.encode(value)`, `fleet.json.decode(text)` → value or nil, problem.
Fleet.json = json
--- sha256 of a text, in hex.
Fleet.sha256 = require("fleet.sha256")

--- Scheduler time of the message, in milliseconds. There is no other clock.
function Fleet.now(msg)
  return msg and envelope.of(msg).at or envelope.now()
end

--- The message's slot in the process, where the network says it, else nil.
function Fleet.slot(msg)
  return envelope.of(msg).slot
end

--- Whether the scheduler's cron sent the message.
function Fleet.isCron(msg)
  return envelope.of(msg).cron
end

--- A tag as the sender wrote it, or nil.
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

--- Raises the epoch; a smaller one changes nothing.
function Fleet.setEpoch(n)
  require("fleet.epoch").raise(require("fleet.epoch").parse(n))
end

--- Answers a request that was put off with `fleet.later`.
function Fleet.reply(msg, data)
  calls.answer(msg, true, reply.success(data))
end

--- Refuses a request that was put off. Also takes a failure of `fleet.fail`, or the `error` of a peer's reply.
function Fleet.replyError(msg, code, message, remedy)
  local failure = code
  if type(code) ~= "table" then failure = fail.new(code, message, remedy) end
  calls.answer(msg, false, reply.failure(fail.new(failure.code, failure.message, failure.remedy, fail.body(failure))))
end

-- Registered under these names by every load, so that a runtime which removes what is gone keeps them.
Handlers.prepend("fleet", dispatch.first, dispatch.handle)
Handlers.append("fleet.unknown", dispatch.matchesUnknown, dispatch.unknown)

return Fleet
