--- The figures of the process: all are counted, none is estimated, and all times are scheduler times.
local config = require("fleet.config")
local refusals = require("fleet.refusals")
local store = require("fleet.store")

local stats = {}

--- Number of requests for the error rate, of the fleet's own processes and deployers and of all others; and of one of these others.
local WINDOW, WINDOW_OF_ONE = 100, 20

--- Counts a request by its action, unless `PROCESS_CONFIG.enableMetrics` or `MONITORING_CONFIG.metricsEnabled` is false. Only
-- declared actions are counted, so that clients cannot grow the table.
function stats.count(action)
  if config.get("PROCESS_CONFIG", "enableMetrics") == false or config.get("MONITORING_CONFIG", "metricsEnabled") == false then return end
  local byAction = store.stats.byAction
  byAction[action] = (byAction[action] or 0) + 1
end

-- The latest requests, oldest first, each { by, faulty, … }: of the fleet, and of the others with the number of each. Absent with earlier libraries,
-- which kept those of everybody together in `recent`.
local function latest(class)
  local own = store.stats
  own.latest = own.latest or { fleet = {}, others = {}, of = {} }
  return own.latest[class == "others" and "others" or "fleet"], own.latest.of
end

local function placeOf(list, sender)
  for at, entry in ipairs(list) do
    if entry.by == sender then return at end
  end
end

--- Records whether a handler that ran for a request had a fault. A request counts once, however many replies it waits for, and it is faulty if any of
-- its handlers had a fault.
-- @tparam boolean faulty
-- @tparam table request the author (see `fleet.author`): one outside the fleet replaces its own oldest request when it has its share, so
--   that its requests hide no fault in those of others
function stats.ran(faulty, request)
  local isFirst = request.isKept == nil
  if faulty then
    request.faulty = true
    store.stats.errors = store.stats.errors + 1
  end
  -- One that lost its place takes a new one only for a fault.
  if request.isKept or not isFirst and not faulty then return end
  local sender, class = request.by, request.class
  local list, of = latest(class)
  local place = nil
  if class == "others" and (of[sender] or 0) >= WINDOW_OF_ONE then place = placeOf(list, sender) end
  if not place and #list >= WINDOW then place = 1 end
  local gone = place and table.remove(list, place)
  if gone then gone.isKept = false end
  list[#list + 1] = request
  request.isKept, request.faulty = true, request.faulty or false
  if class == "others" then
    if gone then of[gone.by] = of[gone.by] > 1 and of[gone.by] - 1 or nil end
    of[sender] = (of[sender] or 0) + 1
  end
end

--- Counts a refusal because of a sender, an epoch, a size, data or a value. Stale epochs are also counted separately.
-- @tparam string code its reason
-- @tparam string sender whose request it was
-- @tparam string class see `roles.class`
function stats.refused(code, sender, class)
  store.stats.refused = store.stats.refused + 1
  if code == "STALE_EPOCH" then store.stats.staleEpochs = store.stats.staleEpochs + 1 end
  refusals.count(code, sender, class)
end

--- The share of faults among the latest requests of a class, the number of those requests, and of their senders.
-- @tparam string class see `roles.class`
function stats.errorRate(class)
  local list, faults, senders, seen = latest(class), 0, 0, {}
  for _, entry in ipairs(list) do
    if entry.faulty then faults = faults + 1 end
    if not seen[entry.by] then seen[entry.by], senders = true, senders + 1 end
  end
  return #list == 0 and 0 or faults / #list, #list, senders
end

--- Forgets the latest requests: the code that handled them was replaced.
function stats.loaded()
  store.stats.latest = nil
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
    refusals = refusals.byReason(),
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
