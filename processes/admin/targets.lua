--- The processes that are watched, and what is known of each: the wired peers, and ids that a deployer had checked. A peer without
-- the fleet's library answers no health check: it is listed and not asked.
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

--- Why a process cannot be asked, or nil.
-- @treturn ?table `code`, and `detail` for people
function targets.mute(id)
  if not fleet.peersWithoutLibrary()[id] then return nil end
  return { code = "LIB_REQUIRED", detail = "no library of the fleet: `fleet status` asks aos itself" }
end

--- The sorted ids that can be asked. What was known of the others is forgotten, and their alerts are over: nobody can check either.
function targets.asked(now)
  local names, ids = targets.all()
  local asked = {}
  for _, id in ipairs(ids) do
    if not targets.mute(id) then
      asked[#asked + 1] = id
    elseif state.known[id] then
      state.known[id] = nil
      alerts.resolve("PROCESS_OFFLINE", names[id], now)
      alerts.resolve("PROCESS_UNHEALTHY", names[id], now)
    end
  end
  return asked
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

--- What is known of a process: nothing of one that cannot be asked, or was not yet.
function targets.known(id)
  return not targets.mute(id) and state.known[id] or nil
end

return targets
