--- The frame of a load: a guard before the bundle, and a commit after it. Both return a value; an error in between
-- aborts the whole load.
local announce = require("fleet.announce")
local codeState = require("fleet.code-state")
local envelope = require("fleet.envelope")
local defaults = require("fleet.state-defaults")
local epoch = require("fleet.epoch")
local globals = require("fleet.globals")
local handlers = require("fleet.handlers")
local importGlobals = require("fleet.import-globals")
local integrity = require("fleet.integrity")
local json = require("fleet.json")
local preserve = require("fleet.preserve-state")
local publishedKeys = require("fleet.published-keys")
local log = require("fleet.log")
local migrate = require("fleet.migrate")
local registry = require("fleet.registry")
local seen = require("fleet.seen")
local state = require("fleet.state")
local stats = require("fleet.stats")
local store = require("fleet.store")
local results = require("fleet.handler-results")
local waiting = require("fleet.waiting")

local commit = {}

-- The library is evaluated before the program, so this is the state that messages left.
local memory, inCode = preserve.take(), codeState.take()

--- Refuses a load of an earlier run by a return value, because an error would also discard the count of refusals. For a load that
-- continues, manual changes of handlers and functions are undone.
-- @tparam number given the epoch of the run
-- @treturn ?string nil to continue, or the refusal as JSON
function commit.guard(given)
  local n = epoch.parse(given)
  if not epoch.isStale(n) then
    globals.before()
    -- The load replaces the program; manual changes of aos itself, or before the program, are undone here.
    Fleet.repaired = integrity.repair()
    return nil
  end
  stats.refused("STALE_EPOCH")
  return json.encode({ fleet = "refused", code = "STALE_EPOCH", epoch = store.epoch })
end

local function undone(failure)
  error((type(failure) == "table" and failure.code .. ": " .. failure.message or tostring(failure)) .. ". The load is undone.", 0)
end

local function bring(exported, digest)
  local ok, failure = pcall(state.import, exported, digest)
  if not ok then undone(failure) end
  store.stateVersion = exported.stateVersion
end

local function exportedIn(text)
  local exported, problem = json.decode(text)
  if problem or type(exported) ~= "table" then error("BAD_STATE: " .. tostring(problem or "no table") .. ". The load is undone.", 0) end
  return exported
end

--- Restores an earlier state between the guard and the bundle: the program gets exactly the exported state. An error undoes the
-- whole load.
-- @tparam string text the result of EXPORT_STATE, as JSON
-- @tparam string digest its digest
function commit.restore(text, digest)
  local exported = exportedIn(text)
  local given = type(exported.states) == "table" and exported.states or {}
  for name in pairs(store.states) do
    if given[name] == nil then store.states[name] = nil end
  end
  bring(exported, digest)
  return nil
end

-- A program that replaces the library's global would lose what it keeps there: no load and no hand-over carries that name.
local function assertGlobal(before)
  local now = rawget(_G, "Fleet")
  if rawequal(now, Fleet) or rawequal(now, before and before.Fleet) then return end
  error("LUA_GLOBAL_RESERVED: the program assigns the global Fleet, which is the fleet's library. Rename it, or declare lib: false for this "
    .. "member. The load is undone.", 0)
end

--- The last statement of a load: migrates, checks the invariants, activates the new declarations and writes the
-- marker, which proves that everything before it ran.
-- @tparam table marker release, sourceHash, version, epoch, process; `id`: the message of the load; `before`: all globals before the bundle ran; `adopted`: another
--   program ran here first; `keep`: "none" if the state of messages must not be kept; `accepts`: the run accepts that state is lost;
--   `state` and `digest`: for the first load of a process, another one's state (the result of EXPORT_STATE, as JSON) to start with;
--   `again`: the state that `restore` imported, whose globals are set again after the load.
-- @treturn string JSON text { fleet = "committed", sourceHash, epoch, handlers, actions, migrations, stateVersion }, and
--   `repaired` if there were manual changes, `kept` (see `preserve.settle`) if there was state to keep
function commit.commit(marker)
  assertGlobal(marker.before)
  publishedKeys.declare()
  local earlier = store.marker and store.marker.version
  local process = store.process
  if process.name == "" then process.name = tostring(marker.process or "") end
  local version = tostring(marker.version or process.version)
  local own = marker.adopted ~= true and not (marker.before and marker.before.Fleet)
  globals.declare(marker.before or {})
  local kept = preserve.settle(memory, {
    before = marker.before, restored = marker.again ~= nil, own = own, keep = marker.keep, lost = codeState.lost(inCode),
    accepts = marker.accepts,
  })
  memory, inCode = nil, nil
  defaults.loaded()
  globals.loaded(marker.before, own)
  if marker.state then bring(exportedIn(marker.state), marker.digest) end
  if marker.again then
    local ok, failure = pcall(importGlobals.again, exportedIn(marker.again))
    if not ok then undone(failure) end
  end
  local migrations = migrate.run(version, earlier)
  if kept and migrations > 0 then kept.migrations = migrations end
  local broken = registry.broken(true)
  if #broken > 0 then
    error("INVARIANT_BROKEN: " .. broken[1].name .. ": " .. broken[1].detail .. ". The load is undone.", 0)
  end
  waiting.loaded()
  handlers.assertNames()
  handlers.place()
  codeState.record()
  registry.commit()
  epoch.raise(epoch.parse(marker.epoch))
  store.marker = {
    release = tostring(marker.release or ""), sourceHash = tostring(marker.sourceHash or ""), version = version,
    process = tostring(marker.process or process.name), epoch = store.epoch, at = envelope.now(),
  }
  if store.stats.startedAt == 0 then store.stats.startedAt = envelope.now() end
  stats.loaded()
  seen.keepLoad(marker.id)
  if store.status == "INITIALIZING" then store.status = "ACTIVE" end
  local repaired = Fleet.repaired or {}
  Fleet.repaired = nil
  integrity.reset()
  log.write("INFO", "committed release " .. store.marker.release .. ", version " .. version .. ", code " .. store.marker.sourceHash:sub(1, 12))
  announce.startup()
  return json.encode({
    fleet = "committed", sourceHash = store.marker.sourceHash, epoch = store.epoch, handlers = handlers.names(),
    actions = registry.actions(), migrations = migrations, stateVersion = store.stateVersion, repaired = #repaired > 0 and repaired or nil,
    kept = kept, answeredByProgram = results.list(registry.builtins()),
  })
end

return commit
