--- The monitored processes and their latest state: the wired peers, and ids that a deployer asked to watch. A peer without
-- the fleet's library answers no health check: it is listed but not checked.
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local maintenance = require("maintenance")
local thresholds = require("thresholds")

local targets = {}

local MAX_WATCHED = 200

local state = fleet.state("targets", { watched = {}, count = 0, known = {} })

--- Watches a process in addition to the peers.
function targets.watch(id)
  if state.watched[id] or state.count >= MAX_WATCHED then return end
  state.watched[id] = true
  state.count = state.count + 1
end

--- The monitored processes: id → name, and the sorted list of ids.
function targets.all()
  local names, ids = {}, {}
  for id in pairs(state.watched) do names[id] = id end
  for name, id in pairs(fleet.peers()) do names[id] = name end
  for id in pairs(names) do ids[#ids + 1] = id end
  table.sort(ids)
  return names, ids
end

--- Why a process without the library cannot be checked, or nil.
-- @treturn ?table `code`, and `detail` for display
function targets.withoutLibrary(id)
  if not fleet.peersWithoutLibrary()[id] then return nil end
  return { code = "LIB_REQUIRED", detail = "without the fleet's library: `fleet status` queries aos directly" }
end

--- The sorted ids of the processes that can be checked. Drops the state of the others and resolves their alerts.
function targets.reachable(now)
  local names, ids = targets.all()
  local reachable = {}
  for _, id in ipairs(ids) do
    if not targets.withoutLibrary(id) then
      reachable[#reachable + 1] = id
    elseif state.known[id] then
      state.known[id] = nil
      alerts.resolve("PROCESS_OFFLINE", names[id], now)
      alerts.resolve("PROCESS_UNHEALTHY", names[id], now)
    end
  end
  return reachable
end

--- The id of the peer with this name; otherwise the argument itself, taken as an id.
function targets.resolve(name)
  return fleet.peer(name) or name
end

--- Stores the outcome of a check. A process that does not answer keeps its state until it has missed `missesToOffline` checks.
-- @tparam string outcome HEALTHY, DEGRADED, UNHEALTHY or OFFLINE
function targets.note(id, outcome, responseMs, detail, now)
  local limits = thresholds.all()
  local entry = state.known[id] or { state = "UNKNOWN", misses = 0, checks = 0 }
  local before = entry.state
  entry.checks, entry.lastCheckAt, entry.detail = entry.checks + 1, now, detail
  if outcome == "OFFLINE" then
    entry.misses = entry.misses + 1
    if entry.misses >= limits.missesToOffline then entry.state = "OFFLINE" end
  else
    entry.misses, entry.state, entry.lastAnswerAt, entry.responseMs = 0, outcome, now, responseMs
    if outcome == "HEALTHY" and responseMs and responseMs > limits.responseMs then entry.state = "DEGRADED" end
  end
  if entry.state ~= before then entry.since = now end
  local names = targets.all()
  -- Anybody of the fleet may ask for a check of any id: only what is monitored is kept.
  if not names[id] then return entry end
  state.known[id] = entry
  local name = names[id] or id
  if maintenance.enabled() then return entry end
  if entry.state == "OFFLINE" then
    alerts.raise("PROCESS_OFFLINE", name, entry.misses .. " checks in a row without an answer", now)
  elseif entry.state == "UNHEALTHY" then
    alerts.raise("PROCESS_UNHEALTHY", name, detail or "reported by the process", now)
  elseif entry.state == "HEALTHY" then
    alerts.resolve("PROCESS_OFFLINE", name, now)
    alerts.resolve("PROCESS_UNHEALTHY", name, now)
  end
  return entry
end

--- The latest state of a process, or nil if it was not checked yet or has no library.
function targets.known(id)
  return not targets.withoutLibrary(id) and state.known[id] or nil
end

return targets
