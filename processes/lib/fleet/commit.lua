--- The frame of a load: a guard before the bundle, a commit after it. Both answer with a value; an error in between
-- aborts the load as a whole.
local calls = require("fleet.calls")
local announce = require("fleet.announce")
local dispatch = require("fleet.dispatch")
local envelope = require("fleet.envelope")
local epoch = require("fleet.epoch")
local json = require("fleet.json")
local log = require("fleet.log")
local migrate = require("fleet.migrate")
local registry = require("fleet.registry")
local store = require("fleet.store")

local commit = {}

--- Refuses a load of an earlier run by a value, since an error would discard the count of refusals too.
-- @tparam number given the epoch of the run
-- @treturn ?string nil to go on, or the JSON text of the refusal
function commit.guard(given)
  local n = epoch.parse(given)
  if not epoch.isStale(n) then return nil end
  store.stats.refused = store.stats.refused + 1
  store.stats.staleEpochs = store.stats.staleEpochs + 1
  return json.encode({ fleet = "refused", code = "STALE_EPOCH", epoch = store.epoch })
end

--- Names of the handlers in aos, but for aos' own.
function commit.handlers()
  local names = {}
  for _, each in ipairs(Handlers.list) do
    if type(each.name) == "string" and each.name:sub(1, 1) ~= "_" then names[#names + 1] = each.name end
  end
  table.sort(names)
  return names
end

-- First, so that a catch-all of the program cannot hide the fleet; last, for what nobody takes.
local function place()
  Handlers.remove("fleet")
  Handlers.prepend("fleet", dispatch.matches, dispatch.handle)
  Handlers.remove("fleet.unknown")
  Handlers.append("fleet.unknown", dispatch.matchesUnknown, dispatch.unknown)
end

--- The last statement of a load: migrates, asserts the invariants, puts the new declarations in force and writes the
-- marker. Whoever reads the marker knows that everything before it ran.
-- @tparam table marker release, sourceHash, version, epoch, process
-- @treturn string JSON text { fleet = "committed", sourceHash, epoch, handlers, actions, migrations }
function commit.commit(marker)
  local earlier = store.marker and store.marker.version
  local process = store.process
  if process.name == "" then process.name = tostring(marker.process or "") end
  local version = tostring(marker.version or process.version)
  local migrations = migrate.run(version, earlier)
  local broken = registry.broken(true)
  if #broken > 0 then
    error("INVARIANT_BROKEN: " .. broken[1].name .. ": " .. broken[1].detail .. ". The load is undone.", 0)
  end
  place()
  registry.commit()
  epoch.raise(epoch.parse(marker.epoch))
  store.marker = {
    release = tostring(marker.release or ""), sourceHash = tostring(marker.sourceHash or ""), version = version,
    process = tostring(marker.process or process.name), epoch = store.epoch, at = envelope.now(),
  }
  if store.stats.startedAt == 0 then store.stats.startedAt = envelope.now() end
  if store.status == "INITIALIZING" then store.status = "ACTIVE" end
  calls.expire()
  log.write("INFO", "committed release " .. store.marker.release .. ", version " .. version .. ", code " .. store.marker.sourceHash:sub(1, 12))
  announce.startup()
  return json.encode({
    fleet = "committed", sourceHash = store.marker.sourceHash, epoch = store.epoch, handlers = commit.handlers(),
    actions = registry.actions(), migrations = migrations,
  })
end

return commit
