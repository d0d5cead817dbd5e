--- Alerts: raised once per type and source in five minutes, acknowledged or escalated, deleted after three days.
local defaults = require("monitor.defaults")
local fleet = require("fleet")
local ring = require("fleet.ring")

local alerts = {}

local POLICY, LEVELS, TYPES = defaults.alerts, defaults.levels, defaults.types
local RANK = {}
for rank, level in ipairs(LEVELS) do RANK[level] = rank end

--- The alert types that the fleet raises, sorted.
alerts.NAMES = {}
for name in pairs(TYPES) do table.insert(alerts.NAMES, name) end
table.sort(alerts.NAMES)

local state = fleet.state("alerts", { seq = 0, list = {}, silenced = {} })

-- A full list loses a resolved alert first, then the mildest ones, of the type that has most of these: a flood of one kind removes no other.
local LIMITS = {
  size = POLICY.most,
  by = function(alert) return alert.type end,
  rank = function(alert) return alert.state == "RESOLVED" and 0 or RANK[alert.level] or 1 end,
}

local function silenced(kind, source, now)
  for _, key in ipairs({ kind, kind .. "/" .. source }) do
    local till = state.silenced[key]
    if till and till > now then return true end
    state.silenced[key] = nil
  end
  return false
end

--- Raises an alert.
-- @tparam string kind one of `alerts.NAMES`
-- @tparam string source its source: a process, a deployment
-- @tparam string message one sentence with the figure
-- @tparam number now scheduler time, ms
-- @tparam ?string level INFO, WARNING, ERROR or CRITICAL; default: the type's
-- @treturn table the alert, new or the earlier one with an incremented `count`; nil if the type is silenced
function alerts.raise(kind, source, message, now, level)
  if silenced(kind, source, now) then return nil end
  for i = #state.list, 1, -1 do
    local earlier = state.list[i]
    if earlier.type == kind and earlier.source == source and earlier.state ~= "RESOLVED" and now - earlier.raisedAt < POLICY.cooldownMs then
      earlier.count, earlier.lastAt, earlier.message = earlier.count + 1, now, message
      return earlier
    end
  end
  state.seq = state.seq + 1
  local alert = {
    alertId = "alert-" .. state.seq, type = kind, source = source, message = message, level = level or TYPES[kind] or "ERROR",
    state = "OPEN", count = 1, raisedAt = now, lastAt = now, escalatedAt = now,
  }
  ring.add(state.list, alert, LIMITS)
  fleet.log("WARN", "alert " .. kind .. " (" .. source .. "): " .. message)
  return alert
end

--- Escalates unacknowledged alerts and deletes old ones. Cheap; runs with every request for alerts.
function alerts.sweep(now)
  local kept = {}
  for _, alert in ipairs(state.list) do
    if now - alert.lastAt < POLICY.retentionMs then
      while alert.state == "OPEN" and RANK[alert.level] < #LEVELS and now - alert.escalatedAt >= POLICY.escalationMs do
        alert.level = LEVELS[RANK[alert.level] + 1]
        alert.escalatedAt = alert.escalatedAt + POLICY.escalationMs
      end
      kept[#kept + 1] = alert
    end
  end
  for i = math.max(#kept, #state.list), 1, -1 do state.list[i] = kept[i] end
end

--- Alerts, oldest first, optionally of a state (OPEN, ACKNOWLEDGED, RESOLVED) and type.
function alerts.list(only, kind)
  local result = {}
  for _, alert in ipairs(state.list) do
    if (only == nil or alert.state == only) and (kind == nil or alert.type == kind) then result[#result + 1] = alert end
  end
  return result
end

--- Number of unresolved alerts by level.
function alerts.counts()
  local counts = {}
  for _, level in ipairs(LEVELS) do counts[level] = 0 end
  for _, alert in ipairs(state.list) do
    if alert.state ~= "RESOLVED" then counts[alert.level] = counts[alert.level] + 1 end
  end
  return counts
end

local function openOf(kind, source)
  local found = {}
  for _, alert in ipairs(state.list) do
    if alert.type == kind and alert.source == source and alert.state ~= "RESOLVED" then found[#found + 1] = alert end
  end
  return found
end

--- Resolves the open alerts of a type and source.
function alerts.resolve(kind, source, now)
  for _, alert in ipairs(openOf(kind, source)) do alert.state, alert.resolvedAt = "RESOLVED", now end
end

-- The alert with the given id, or all unresolved ones of a type and source, which may be none.
local function find(request)
  if not request.alertId and request.type and request.source then return openOf(request.type, request.source) end
  for _, alert in ipairs(state.list) do
    if alert.alertId == request.alertId then return { alert } end
  end
  error(fleet.fail("UNKNOWN_ALERT", "alert " .. tostring(request.alertId) .. " does not exist", "List the alerts with ALERT_MANAGEMENT, operation list."))
end

local function each(request, change)
  local found = find(request)
  for _, alert in ipairs(found) do change(alert) end
  return { alert = found[#found], alerts = found }
end

local OPERATIONS = {}

function OPERATIONS.list(request)
  return { alerts = alerts.list(request.state, request.type), counts = alerts.counts() }
end

function OPERATIONS.acknowledge(request, now, by)
  return each(request, function(alert)
    if alert.state == "OPEN" then
      alert.state, alert.acknowledgedAt, alert.acknowledgedBy = "ACKNOWLEDGED", now, by
    end
  end)
end

function OPERATIONS.resolve(request, now, by)
  return each(request, function(alert)
    if alert.state ~= "RESOLVED" then
      alert.state, alert.resolvedAt, alert.resolvedBy = "RESOLVED", now, by
    end
  end)
end

function OPERATIONS.silence(request, now)
  if not request.type then error(fleet.fail("INVALID_DATA", "type is missing", "Set the type of alert to silence.")) end
  local key = request.source and request.type .. "/" .. request.source or request.type
  state.silenced[key] = now + math.floor((request.minutes or 60) * 60000)
  return { silenced = key, untilTime = state.silenced[key] }
end

function OPERATIONS.unsilence(request)
  if not request.type then error(fleet.fail("INVALID_DATA", "type is missing", "Set the type of alert.")) end
  local key = request.source and request.type .. "/" .. request.source or request.type
  state.silenced[key] = nil
  return { silenced = key, untilTime = 0 }
end

local FIELDS = {
  operation = { type = "string", enum = { "list", "acknowledge", "resolve", "silence", "unsilence" } },
  alertId = { type = "string", maxLength = 64 },
  type = { type = "string", enum = alerts.NAMES },
  source = { type = "string", maxLength = 128 },
  state = { type = "string", enum = { "OPEN", "ACKNOWLEDGED", "RESOLVED" } },
  minutes = { type = "number", min = 1, max = 10080 },
}

--- Declares `RAISE_ALERT` for peers, and `ALERT_MANAGEMENT`: anyone may list, a deployer may acknowledge, resolve, silence and unsilence.
-- An alert is selected by `alertId`, or by `type` and `source`.
-- Data is the request itself, or contains it as `alertRequest`.
function alerts.declare()
  local schema = { alertRequest = { type = "table", fields = FIELDS } }
  for name, rule in pairs(FIELDS) do schema[name] = rule end
  fleet.on("ALERT_MANAGEMENT", { schema = schema }, function(data, msg)
    local request, now = data.alertRequest or data, fleet.now(msg)
    local operation = request.operation or "list"
    if operation ~= "list" and not fleet.is(msg, "deployer") then
      error(fleet.fail("FORBIDDEN", operation .. " requires the role deployer", "Ask the owner of the process for permission."))
    end
    alerts.sweep(now)
    return OPERATIONS[operation](request, now, msg.From)
  end)

  -- For alerts of peers: the security process reports incidents this way.
  fleet.on("RAISE_ALERT", {
    who = "peer",
    schema = {
      type = { type = "string", required = true, enum = alerts.NAMES },
      source = { type = "string", required = true, minLength = 1, maxLength = 128 },
      message = { type = "string", required = true, maxLength = 500 },
      level = { type = "string", enum = LEVELS },
    },
  }, function(data, msg)
    local alert = alerts.raise(data.type, data.source, data.message, fleet.now(msg), data.level)
    return { alertId = alert and alert.alertId or nil, silenced = alert == nil }
  end)
end

return alerts
