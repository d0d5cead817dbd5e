--- The figures of the process: all are counted, none is estimated, and all times are scheduler times.
local config = require("fleet.config")
local store = require("fleet.store")

local stats = {}

--- Number of requests for the error rate.
local WINDOW = 100

--- Counts a request by its action, unless `PROCESS_CONFIG.enableMetrics` or `MONITORING_CONFIG.metricsEnabled` is false. Only
-- declared actions are counted, so that clients cannot grow the table.
function stats.count(action)
  if config.get("PROCESS_CONFIG", "enableMetrics") == false or config.get("MONITORING_CONFIG", "metricsEnabled") == false then return end
  local byAction = store.stats.byAction
  byAction[action] = (byAction[action] or 0) + 1
end

--- Records whether a handler that ran had a fault.
function stats.ran(faulty)
  local recent = store.stats.recent
  recent.at = recent.at % WINDOW + 1
  recent.errors[recent.at] = faulty
  recent.size = math.min(recent.size + 1, WINDOW)
  if faulty then store.stats.errors = store.stats.errors + 1 end
end

--- Counts a refusal because of a sender, an epoch, a size, data or a value. Stale epochs are also counted separately.
function stats.refused(code)
  store.stats.refused = store.stats.refused + 1
  if code == "STALE_EPOCH" then store.stats.staleEpochs = store.stats.staleEpochs + 1 end
end

--- The share of faults among the latest requests, and the number of those requests.
function stats.errorRate()
  local recent, faults = store.stats.recent, 0
  for i = 1, recent.size do
    if recent.errors[i] then faults = faults + 1 end
  end
  return recent.size == 0 and 0 or faults / recent.size, recent.size
end

--- Kilobytes on the Lua heap.
function stats.heapKB()
  return math.floor(collectgarbage("count") * 10 + 0.5) / 10
end

--- The `statistics` of a reply.
function stats.report()
  local own = store.stats
  local openRequests, heldBytes = require("fleet.slots").count()
  local byAction = require("fleet.json").object()
  for action, n in pairs(own.byAction) do byAction[action] = n end
  return {
    messages = own.messages,
    errors = own.errors,
    refused = own.refused,
    staleEpochs = own.staleEpochs,
    byAction = byAction,
    luaHeapKB = stats.heapKB(),
    startedAt = own.startedAt,
    lastMessageAt = own.lastMessageAt,
    lastTickAt = store.ticks.lastAt,
    openCalls = store.calls.count,
    openRequests = openRequests, heldBytes = heldBytes,
    undoTables = own.undoTables or 0,
  }
end

return stats
