--- The processes of the fleet.
local cut = require("fleet.cut")
local fleet = require("fleet")
local ledger = require("ledger")
local alerts = require("monitor.alerts")

local registrations = {}

local MAX_PROCESSES = 1000
--- The ledger keeps entries permanently: ms after which a start of the same process enters it again, and how many do between two entries that
-- a deployer made. Each process reports its own starts, as often as it likes.
local START_AGAIN, MAX_STARTS = 60000, 8

-- starts: id → the time of the latest start in the ledger; startCounts: id → { entries, since `others`; omitted, since that time }; entries: of
-- all starts
local state = fleet.state("registrations", { byId = {}, count = 0, starts = {}, startCounts = {}, entries = 0 })

-- Whether the process was registered as one without the fleet's library, which answers none of the fleet's actions.
local function runsWithoutLibrary(entry)
  return entry ~= nil and type(entry.metadata) == "table" and entry.metadata.lib == false
end

local TEXT = { type = "string", maxLength = 256 }

fleet.on("PROCESS_REGISTRATION", {
  who = "deployer", epoch = "optional",
  schema = {
    processRegistration = {
      type = "table", required = true,
      fields = {
        processId = { type = "string", required = true, minLength = 1, maxLength = 128, pattern = "^[%w%-_]+$" },
        processType = { type = "string", required = true, minLength = 1, maxLength = 64 },
        version = { type = "string", required = true, maxLength = 64 },
        capabilities = { type = "array", maxLength = 100, items = { type = "string", maxLength = 64 } },
        endpoint = TEXT, healthCheckEndpoint = TEXT, configEndpoint = TEXT,
        metadata = { type = "table" },
      },
    },
  },
}, function(data, msg)
  local given = data.processRegistration
  local known = state.byId[given.processId]
  if not known and state.count >= MAX_PROCESSES then
    error(fleet.fail("TOO_MANY", MAX_PROCESSES .. " processes are already registered", "Deregister retired processes."))
  end
  if given.metadata and #fleet.json.encode(given.metadata) > 8192 then
    error(fleet.fail("TOO_LARGE", "the metadata has more than 8192 bytes", "Put large data into the manifest."))
  end
  local entry = {
    processId = given.processId, processType = given.processType, version = given.version, capabilities = given.capabilities or {},
    endpoint = given.endpoint, healthCheckEndpoint = given.healthCheckEndpoint, configEndpoint = given.configEndpoint,
    metadata = given.metadata, registrationTime = known and known.registrationTime or fleet.now(msg), updatedAt = fleet.now(msg),
    lastStartup = known and known.lastStartup, health = known and known.health,
  }
  -- Without the library its health cannot be checked, so an earlier result would never be updated.
  if runsWithoutLibrary(entry) then entry.health = nil end
  state.byId[given.processId] = entry
  if not known then state.count = state.count + 1 end
  ledger.write(known and "PROCESS_UPDATED" or "PROCESS_REGISTERED", {
    processId = entry.processId, processType = entry.processType, version = entry.version,
  }, msg)
  return { processId = entry.processId, registrationTime = entry.registrationTime, registeredProcessCount = state.count }
end)

fleet.on("PROCESS_DEREGISTRATION", {
  who = "deployer", epoch = "optional",
  schema = {
    processRegistration = { type = "table", fields = { processId = { type = "string", maxLength = 128 } } },
    processId = { type = "string", maxLength = 128 },
  },
}, function(data, msg)
  local id = data.processRegistration and data.processRegistration.processId or data.processId
  if id == nil then error(fleet.fail("INVALID_DATA", "processId is missing", "Set processId.")) end
  if state.byId[id] then
    state.byId[id] = nil
    for _, of in ipairs({ state.starts or {}, state.startCounts or {} }) do of[id] = nil end
    state.count = state.count - 1
    ledger.write("PROCESS_DEREGISTERED", { processId = id }, msg)
  end
  return { processId = id, registeredProcessCount = state.count }
end)

fleet.on("PROCESS_DISCOVERY", { readonly = true, schema = { processType = { type = "string", maxLength = 64 } } }, function(data, msg)
  local wanted = fleet.tag(msg, "Process-Type") or data.processType
  local processes, count = fleet.object(), 0
  for id, entry in pairs(state.byId) do
    if wanted == nil or entry.processType == wanted then
      processes[id] = entry
      count = count + 1
    end
  end
  return { processes = processes, count = count }
end)

local function known(msg)
  return state.byId[msg.From] ~= nil or fleet.is(msg, "peer")
end

-- The counts of a process' starts, with the number of its entries since the latest entry of a deployer.
local function startsOf(id)
  -- States of earlier versions have no starts, or their times alone.
  state.starts, state.startCounts, state.entries = state.starts or {}, state.startCounts or {}, state.entries or 0
  local start = state.startCounts[id] or { entries = 0, omitted = 0 }
  state.startCounts[id] = start
  local others = ledger.length() - state.entries
  if start.others ~= others then start.others, start.entries = others, 0 end
  return start
end

fleet.on("STARTUP", { silent = true }, function(data, msg)
  if not known(msg) then return end
  local entry = state.byId[msg.From]
  local version, now = type(data.version) == "string" and cut(data.version, 64) or nil, fleet.now(msg)
  if entry then
    entry.lastStartup = { at = now, version = version, count = (entry.lastStartup and entry.lastStartup.count or 0) + 1 }
  end
  local start = startsOf(msg.From)
  local at = state.starts[msg.From]
  if at and now - at < START_AGAIN or start.entries >= MAX_STARTS then
    start.omitted = start.omitted + 1
    return
  end
  ledger.write("PROCESS_STARTED", {
    processId = msg.From, version = version, omitted = start.omitted > 0 and start.omitted or nil,
  }, msg)
  state.starts[msg.From], start.entries, start.omitted = now, start.entries + 1, 0
  state.entries = state.entries + 1
end)

fleet.on("Error", { silent = true }, function(data, msg)
  if not known(msg) then return end
  local name = type(data.name) == "string" and data.name ~= "" and cut(data.name, 64) or msg.From
  local text = type(data.message) == "string" and data.message or "no message"
  alerts.raise("PROCESS_ERROR", name, cut(tostring(data.action), 64) .. ": " .. cut(text, 300), fleet.now(msg))
end)

--- All registered processes: id → entry.
function registrations.all()
  return state.byId
end

--- The number of registered processes.
function registrations.count()
  return state.count
end

local function named(entry)
  return type(entry.metadata) == "table" and type(entry.metadata.name) == "string" and entry.metadata.name or nil
end

--- Resolves names of members, process types and ids to ids. Without a list: all registered processes with the
-- fleet's library.
-- @tparam ?table wanted a list
-- @treturn table a sorted list of ids
-- @raise `UNKNOWN_PROCESS` with the unknown names, `LIB_REQUIRED` with the processes without the library
function registrations.resolve(wanted)
  local ids, seen, unknown, bare, without = {}, {}, {}, {}, fleet.peersWithoutLibrary()
  local function add(id)
    if runsWithoutLibrary(state.byId[id]) or without[id] then
      bare[#bare + 1] = without[id] or registrations.name(id)
    elseif not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
  end
  if wanted == nil or #wanted == 0 then
    for id in pairs(state.byId) do add(id) end
  else
    for _, name in ipairs(wanted) do
      local found = state.byId[name] and name or fleet.peer(name)
      if found then add(found) end
      for id, entry in pairs(state.byId) do
        if entry.processType == name or named(entry) == name then
          found = id
          add(id)
        end
      end
      if not found then unknown[#unknown + 1] = name end
    end
  end
  if #unknown > 0 then
    error(fleet.fail("UNKNOWN_PROCESS", "not registered: " .. cut(table.concat(unknown, ", "), 300), "PROCESS_DISCOVERY lists the registered processes."))
  end
  if #bare > 0 and wanted ~= nil and #wanted > 0 then
    local names = cut(table.concat(bare, ", "), 300)
    error(fleet.fail("LIB_REQUIRED", "this requires the fleet's library, which is missing in: " .. names, "Remove them from the list."))
  end
  table.sort(ids)
  return ids
end

--- The display name of a process.
function registrations.name(id)
  local entry = state.byId[id]
  return entry and (named(entry) or entry.processType) or id
end

--- Stores the latest health of a registered process.
function registrations.setHealth(id, health)
  if state.byId[id] then state.byId[id].health = health end
end

return registrations
