--- The processes that are watched, and what is known of each: the wired peers, and ids that a deployer had checked.
local fleet = require("fleet")
local alerts = require("monitor.alerts")
local maintenance = require("maintenance")
local thresholds = require("thresholds")

local targets = {}

local MOST = 200

local state = fleet.state("targets", { watched = {}, count = 0, known = {} })

--- Watches a process beside the peers.
function targets.watch(id)
  if state.watched[id] or state.count >= MOST then return end
  state.watched[id] = true
  state.count = state.count + 1
end

--- The ids that are watched: id → name, and the sorted list of ids.
function targets.all()
  local names, ids = {}, {}
  for id in pairs(state.watched) do names[id] = id end
  for name, id in pairs(fleet.peers()) do names[id] = name end
  for id in pairs(names) do ids[#ids + 1] = id end
  table.sort(ids)
  return names, ids
end

--- The id of a peer's name or of a known id; an id that nobody knows is taken as it is.
function targets.resolve(name)
  return fleet.peer(name) or name
end

--- Keeps the outcome of a check. A process that does not answer keeps its state until it missed often enough.
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
  state.known[id] = entry
  local names = targets.all()
  local name = names[id] or id
  if maintenance.enabled() then return entry end
  if entry.state == "OFFLINE" then
    alerts.raise("PROCESS_OFFLINE", name, entry.misses .. " checks in a row were not answered", now)
  elseif entry.state == "UNHEALTHY" then
    alerts.raise("PROCESS_UNHEALTHY", name, detail or "it says so itself", now)
  elseif entry.state == "HEALTHY" then
    alerts.resolve("PROCESS_OFFLINE", name, now)
    alerts.resolve("PROCESS_UNHEALTHY", name, now)
  end
  return entry
end

--- What is known of a process, or nil.
function targets.known(id)
  return state.known[id]
end

--- States of all that are watched: id → state (UNKNOWN before the first check), and the number of unknown ones.
function targets.states()
  local states, unknown = {}, 0
  local names = targets.all()
  for id in pairs(names) do
    local entry = state.known[id]
    if entry and entry.state ~= "UNKNOWN" then states[id] = entry.state else unknown = unknown + 1 end
  end
  return states, unknown
end

return targets
