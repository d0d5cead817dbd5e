--- What programs call that administer others, and what the Eval of a load calls.
local commit = require("fleet.commit")
local config = require("fleet.config")
local epoch = require("fleet.epoch")
local stats = require("fleet.stats")
local store = require("fleet.store")
local validate = require("fleet.validate")

local Fleet = Fleet

--- The figures that `GET_STATISTICS` reports.
-- @treturn table `messages`, `errors`, `refused`, `byAction` and others
-- @usage
-- fleet.on("FIGURES", {}, function() return { hasErrors = fleet.statistics().errors > 0 } end)
-- -- FIGURES {} → {"hasErrors":false}
Fleet.statistics = stats.report

--- The process' epoch: the highest of a control message or a load.
-- @treturn integer
-- @usage
-- fleet.on("EPOCH", {}, function() return { epoch = fleet.epoch() } end)
-- -- EPOCH {} → {"epoch":1}
function Fleet.epoch()
  return store.epoch
end

--- Raises the epoch, as the ledger does when a run takes it; a lower one is ignored. Messages of earlier runs are refused then.
-- @tparam integer n
-- @usage
-- fleet.on("KEEP_EPOCH", {}, function() fleet.setEpoch(0) return { epoch = fleet.epoch() } end)
-- -- KEEP_EPOCH {} → {"epoch":1}
function Fleet.setEpoch(n)
  epoch.raise(epoch.parse(n))
end

--- Checks settings without applying them.
-- @tparam string configType
-- @tparam table configData
-- @tparam ?table rule rules, for a type of one fleet
-- @treturn table a list of `{ path, got, expected }`; empty if they are valid
-- @usage
-- fleet.on("CHECK_CONFIG", {}, function() return { problems = #fleet.checkConfig("PROCESS_CONFIG", { requestTimeout = -1 }) } end)
-- -- CHECK_CONFIG {} → {"problems":1}
Fleet.checkConfig = config.check

--- Whether a config type is built in.
-- @tparam string configType
-- @treturn boolean
-- @usage
-- fleet.on("IS_TYPE", {}, function() return { own = fleet.isConfigType("MY_CONFIG"), builtin = fleet.isConfigType("PROCESS_CONFIG") } end)
-- -- IS_TYPE {} → {"own":false,"builtin":true}
Fleet.isConfigType = require("fleet.config-types").isBuiltin

--- The failure `INVALID_CONFIG` for a list that `fleet.checkConfig` returned.
-- @tparam table problems at least one
-- @treturn table the value for `error`
-- @usage
-- fleet.on("REFUSE", {}, function() error(fleet.configRefusal(fleet.checkConfig("PROCESS_CONFIG", { requestTimeout = -1 }))) end)
-- -- REFUSE {} → {"error":{"code":"INVALID_CONFIG"}}
Fleet.configRefusal = config.refusal

--- The hash of settings: sha256 of their canonical JSON.
-- @tparam table configData
-- @treturn string in hex
-- @usage
-- fleet.on("CONFIG_HASH", {}, function() return { length = #fleet.configHash({ requestTimeout = 1000 }) } end)
-- -- CONFIG_HASH {} → {"length":64}
Fleet.configHash = config.hash

--- Compares versions of settings: numbers, or texts such as `1.10.0`.
-- @tparam any a
-- @tparam any b
-- @treturn integer -1, 0 or 1
-- @usage
-- fleet.on("COMPARE", {}, function() return { order = fleet.compareVersions("1.10.0", "1.9") } end)
-- -- COMPARE {} → {"order":1}
Fleet.compareVersions = config.compareVersions

--- Checks a schema that comes from outside, so that `fleet.validate` cannot fail on it.
-- @tparam table schema
-- @raise a string that describes the problem
-- @usage
-- fleet.on("SCHEMA", {}, function() return { isValid = pcall(fleet.checkSchema, { by = { type = "integer" } }) } end)
-- -- SCHEMA {} → {"isValid":true}
Fleet.checkSchema = validate.checkSchema

--- For the Eval of a load, before the bundle: refuses a load of an earlier run. Programs do not call it.
-- @tparam integer epoch of the run
-- @treturn ?string nil to continue, or the refusal as JSON
Fleet.guard = commit.guard

--- For the Eval of a load, between guard and bundle: restores an earlier state. Programs do not call it.
-- @tparam string text the result of `EXPORT_STATE`, as JSON
-- @tparam string digest its digest
-- @raise an error if the state is damaged; the load is undone
Fleet.restore = commit.restore

--- For the Eval of a load, its last statement: migrates, checks the invariants and activates the declarations. Programs do not call it.
-- @tparam table marker what was loaded: `release`, `sourceHash`, `version`, `epoch`, `process` and others
-- @treturn string the marker as JSON, which proves that everything before it ran
-- @raise an error if an invariant is violated; the load is undone
Fleet.commit = commit.commit

return true
