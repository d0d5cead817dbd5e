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
-- Every public function is documented where it is assigned to `Fleet`, here and in the files that are required below; `npm run docs` makes the pages
-- of docs/reference/lua and the editor's definitions of these comments. In an example, a line `-- ACTION data → reply` is what the process answers.
--
-- If a handler raises an error, all its changes of states are undone (see `fleet.state`).
-- `error(fleet.fail(code, message, remedy))` is sent as the answer, any other error as `INTERNAL`.
local store = require("fleet.store")
local dispatch = require("fleet.dispatch")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local handlers = require("fleet.handlers")
local migrate = require("fleet.migrate")
local partition = require("fleet.partition")
local published = require("fleet.published")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local sentFor = require("fleet.sent-for")
local state = require("fleet.state")
local results = require("fleet.handler-results")

local Fleet = Fleet

envelope.install()
sentFor.install()
require("fleet.actions")

--- Declares the process. Without it, the program counts as one that does not use the fleet: it still answers the control actions, and its inbox is not
-- touched.
-- @tparam table info `name` (required), `processType`, `version`, `capabilities`, `endpoints` (default: its actions), `stateVersion` (default: the
--   last shape of its migrations)
-- @raise an error without a name
-- @usage
-- fleet.process { name = "counter", processType = "COUNTER", version = "1.0.0", capabilities = { "COUNTING" } }
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

--- Declares an action: a handler of messages with this `Action`. The reply has `success`, the members that the handler returns, and the request's
-- correlation id. If the handler raises an error, all its changes of states are undone and its messages are not sent.
-- @tparam string action 1 to 64 characters, matched exactly
-- @tparam table options `who`, `schema`, `strict`, `once`, `readonly`, `control`, `always`, `silent`, `data`, `maxBytes`; see the
--   [table](../lua-library.md#declarations)
-- @tparam function handler `function(data, msg)` that returns the members of the reply
-- @raise an error if the name is reserved, the role is unknown or there is no handler
-- @usage
-- local BY = { type = "integer", required = true, min = 1 }
-- fleet.on("DOUBLE", { schema = { by = BY } }, function(data) return { n = 2 * data.by } end)
-- -- DOUBLE {"by":2} → {"success":true,"n":4}
-- -- DOUBLE {"by":0} → {"success":false,"error":{"code":"INVALID_DATA"}}
Fleet.on = registry.on

--- Declares a persistent table, or returns the existing one. It survives loads, and is part of hand-overs, backups and rollbacks.
-- @tparam string name unique in the process
-- @tparam ?table default its content, used only once
-- @tparam ?table options `undo`: `"copy"` (default), `"append"` for a list that only grows, or `"none"`; `partition = true` for a table whose keys are
--   those of the traffic
-- @treturn table the same table for the same name
-- @raise an error without a name, or for an unknown `undo`
-- @usage
-- local S = fleet.state("visits", { n = 0 })
-- fleet.on("VISIT", {}, function() S.n = S.n + 1 return { n = S.n } end)
-- -- VISIT {} → {"n":1}
Fleet.state = state.declare

--- Declares a change of the shape of the states. A load runs the steps from the shape of the states to that of its program, upwards or downwards.
-- @tparam table step `from` and `to`: names of shapes; `up(states)` and `down(states)`: functions that change the tables. Without `down`, a rollback
--   needs a saved state
-- @raise an error without `from`, `to` or `up`
-- @usage
-- fleet.migrate {
--   from = "1", to = "2",
--   up = function(states) if states.visits then states.visits.n = states.visits.n or 0 end end,
--   down = function(states) end,
-- }
Fleet.migrate = migrate.add

--- Declares a health check. It must change nothing.
-- @tparam string name shown in the health report
-- @tparam string checkType `STARTUP`, `READINESS`, `LIVENESS` or `PERFORMANCE`
-- @tparam function fn returns true, false or `"DEGRADED"`, and a detail
-- @raise an error for another type, or without a function
-- @usage
-- fleet.check("memory", "LIVENESS", function() return collectgarbage("count") < 400000, "too much memory" end)
Fleet.check = registry.check

--- Declares a condition that every load, import and health check verifies.
-- @tparam string name shown if it is violated
-- @tparam function fn returns whether it holds, and a detail
-- @raise an error without a name or a function
-- @usage
-- local gold = fleet.state("gold", { total = 0 })
-- fleet.invariant("gold is never negative", function() return gold.total >= 0, "total is " .. gold.total end)
Fleet.invariant = registry.invariant

--- Creates a failure to raise: what the sender can fix. Any other error is answered with `INTERNAL` and counts as a fault of the program.
-- @tparam string code stable, upper snake case
-- @tparam string message one sentence in the sender's terms
-- @tparam ?string remedy what to do
-- @tparam ?table more further members of `error` in the reply
-- @treturn table the value for `error`
-- @usage
-- fleet.on("PAY", {}, function() error(fleet.fail("NO_FUNDS", "The purse is empty.", "Fill it.")) end)
-- -- PAY {} → {"success":false,"error":{"code":"NO_FUNDS","remedy":"Fill it."}}
Fleet.fail = fail.new

--- Whether a caught error is such a failure, and not a fault of the program.
-- @tparam any value what `pcall` returned
-- @treturn boolean
-- @usage
-- fleet.on("TRY", {}, function()
--   local _, raised = pcall(error, fleet.fail("NO_FUNDS", "The purse is empty."))
--   return { isFailure = fleet.isFailure(raised) }
-- end)
-- -- TRY {} → {"isFailure":true}
Fleet.isFailure = fail.is

require("fleet.in-handlers")
require("fleet.administration")

results.install(dispatch.isClosed, partition.heldNow)
published.install()
handlers.install(dispatch.first, dispatch.handle, dispatch.matchesLast, dispatch.last)

return Fleet
