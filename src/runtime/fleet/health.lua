--- Health checks of the process itself, in four types. A failed check always counts in the verdict.
local calls = require("fleet.calls")
local config = require("fleet.config")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local handlers = require("fleet.handlers")
local integrity = require("fleet.integrity")
local partition = require("fleet.partition")
local registry = require("fleet.registry")
local slots = require("fleet.slots")
local stats = require("fleet.stats")
local store = require("fleet.store")
local types = require("fleet.check-types")

local health = {}

--- The kinds of checks that each `checkType` of a request runs.
health.SETS = types.sets

--- The names of the sets, sorted.
health.TYPES = types.names

--- The largest healthy share of faults among the latest requests (`errorRate`), and the number of requests for a verdict (`sample`).
local LIMITS = types.performance

local WORSE = { HEALTHY = 1, DEGRADED = 2, UNHEALTHY = 3 }

local builtin = {}

function builtin.STARTUP(add, request)
  local marker = store.marker
  if not marker then return add("program", "UNHEALTHY", "no program was committed yet") end
  add("program", "HEALTHY", "release " .. marker.release .. ", code " .. marker.sourceHash:sub(1, 8))
  local first = Handlers.list[1]
  local found = false
  for _, each in ipairs(Handlers.list) do found = found or each.name == handlers.FIRST end
  add("handlers", found and "HEALTHY" or "UNHEALTHY", found and "first: " .. tostring(first and first.name) or "the fleet's handler is missing")
  local byHand = integrity.words()
  add("code", byHand == "" and "HEALTHY" or "UNHEALTHY", byHand == "" and "as loaded" or "changed by hand: " .. byHand)
  local function same(name, expected, actual)
    if expected == nil then return end
    local ok = expected == actual
    add(name, ok and "HEALTHY" or "UNHEALTHY", ok and actual or string.format("expected %s, running %s", expected, actual))
  end
  same("version", request.expectedVersion, health.version())
  same("sourceHash", request.expectedSourceHash, marker.sourceHash)
end

function builtin.READINESS(add)
  local ready = store.status == "ACTIVE"
  add("status", ready and "HEALTHY" or "UNHEALTHY", store.status)
  local names = {}
  for name in pairs(store.peers) do names[#names + 1] = name end
  table.sort(names)
  -- Peers are wired after the first verdict, so missing peers are not a fault.
  add("peers", "HEALTHY", #names > 0 and "wired: " .. table.concat(names, " ") or "not wired yet")
end

function builtin.LIVENESS(add, request)
  -- A retired process still answers but serves no requests. Continuous rounds also include members that were retired on purpose.
  if store.status == "RETIRED" and request.checkType ~= "CONTINUOUS" then add("service", "UNHEALTHY", "it is retired") end
  local broken = registry.broken()
  for _, each in ipairs(broken) do add("invariant " .. each.name, "UNHEALTHY", each.detail) end
  if #broken == 0 then add("invariants", "HEALTHY", "all hold") end
  local open, under, limit = store.calls.count, (slots.count()), slots.limit()
  local full = open >= calls.MAX_OPEN
  add("calls", full and "UNHEALTHY" or (under >= limit * 0.9 or open >= calls.MAX_OPEN * 0.9) and "DEGRADED" or "HEALTHY",
    under .. " of " .. limit .. " requests are open, " .. open .. " of " .. calls.MAX_OPEN .. " calls are open")
end

-- Anybody can send a request in which a handler has a fault, so that of a stranger decides nothing where a deployment is judged: a rollout compares such
-- requests with the old revision. The monitor reports it.
local function strangers(add, isRound)
  local rate, n, senders = stats.errorRate("others")
  local isJudged = n >= LIMITS.sample
  add("errorRateOfStrangers", isRound and isJudged and rate > LIMITS.errorRate and "DEGRADED" or "HEALTHY", isJudged
    and string.format("%.3f over %d requests from outside the fleet, of %d %s", rate, n, senders, senders == 1 and "sender" or "senders")
    or n .. " requests are too few for a verdict")
end

function builtin.PERFORMANCE(add, request)
  local rate, n = stats.errorRate("members")
  local isJudged = n >= LIMITS.sample
  add("errorRate", isJudged and rate > LIMITS.errorRate and "UNHEALTHY" or "HEALTHY",
    isJudged and string.format("%.3f over %d requests of the fleet", rate, n) or n .. " requests are too few for a verdict")
  strangers(add, request.checkType == "CONTINUOUS")
  local used, most = stats.heapKB() / 1024, config.get("RESOURCE_LIMITS", "maxMemoryMB")
  add("luaHeap", most and used > most and "DEGRADED" or "HEALTHY",
    most and string.format("%.1f MB of %s", used, most) or string.format("%.1f MB, no limit set", used))
end

local function own(kind, add)
  for _, check in ipairs(registry.checks()) do
    if check.checkType == kind then
      local ok, result, detail = pcall(check.fn)
      if not ok then
        add(check.name, "UNHEALTHY", "the check itself failed: " .. cut(tostring(result), 200))
      elseif result == "DEGRADED" then
        add(check.name, "DEGRADED", detail)
      else
        add(check.name, result == true and "HEALTHY" or "UNHEALTHY", detail)
      end
    end
  end
end

--- The committed version, or the one that the program declares.
function health.version()
  return store.marker and store.marker.version or store.process.version
end

--- Runs the checks of a request and returns the verdict.
-- @tparam table request `checkType` (default ALL), `expectedVersion`, `expectedSourceHash`, `nonce`
function health.report(request, msg)
  local checks, worst = {}, "HEALTHY"
  for _, kind in ipairs(health.SETS[request.checkType or "ALL"]) do
    local function add(name, status, detail)
      if WORSE[status] > WORSE[worst] then worst = status end
      checks[#checks + 1] = { name = name, checkType = kind, status = status, detail = cut(tostring(detail or ""), 300) }
    end
    builtin[kind](add, request)
    own(kind, add)
  end
  local changed = integrity.found()
  return {
    healthStatus = worst,
    checks = checks,
    nonce = request.nonce or "",
    version = health.version(),
    sourceHash = store.marker and store.marker.sourceHash or "",
    release = store.marker and store.marker.release or "",
    changedByHand = changed,
    lastTickAt = store.ticks.lastAt,
    sealed = partition.sealed(),
    epoch = store.epoch,
    slot = envelope.of(msg).slot,
    at = envelope.of(msg).at,
  }
end

return health
