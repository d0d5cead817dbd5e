--- Which messages a router forwards for anyone. Services see the router as the sender and may trust it, so a forwarded action must be
-- one that anyone may request directly. This module has no state.
local cut = require("fleet.cut")
local node = require("fleet.node")
local registry = require("fleet.registry")

local rules = {}

--- Actions that are open for every process that the router knows.
rules.OBSERVED = { Info = true, HEALTH_CHECK = true, GET_STATISTICS = true }

-- aos' own actions, notices between processes, and controls that only some processes of a fleet have. Built-in actions, and the
-- router's own, are known from their declarations.
local RESERVED = {
  Eval = true, Cron = true, Spawned = true, Assigned = true, STARTUP = true, Error = true,
  SET_TRAFFIC = true, PROVE_TARGETS = true, TRAFFIC_COMMAND = true, DEPLOY_PROCESS = true, DEPLOYMENT_ROLLBACK = true,
  BLUE_GREEN_DEPLOYMENT = true, PROCESS_REGISTRATION = true, PROCESS_DEREGISTRATION = true, CONFIG_DISTRIBUTION = true,
}

local function isReserved(action)
  if action == "" or RESERVED[action] or action:sub(-9) == "-Response" then return true end
  local own = registry.find(action)
  return own ~= nil and not rules.OBSERVED[action] and (own.reserved or own.control or own.who ~= nil and own.who ~= "anyone")
end

local function includes(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

-- `true`, `false` or a list of actions: set by the program, else by the declaration, else all if the deployer set a table.
local function openOf(service, entry, options)
  local open = options.open and options.open[service]
  if open ~= nil then return open end
  if not entry or options.declared == false then return false end
  return entry.actions == nil or entry.actions
end

--- The open actions of a service: true for all except those that are never forwarded, a list of actions, or false for only OBSERVED.
-- @tparam string service
-- @tparam ?table entry its entry in the router's table
-- @tparam table options `open`: service → true, false or a list of actions · `declared`: whether services with a table are open by default
function rules.open(service, entry, options)
  return openOf(service, entry, options)
end

--- Decides whether an action may be forwarded to a service.
-- @tparam boolean known whether the service is wired or in the router's table
-- @tparam {string} names of services, for the error about an unknown one
-- @treturn ?boolean true, or nil, code, message, remedy
function rules.allowed(service, action, known, entry, options, names)
  if not known then
    return nil, "UNKNOWN_SERVICE", "no service " .. node.text(cut(service, 64)) .. " is wired",
      "use one of the fleet's processes: " .. (#names > 0 and table.concat(names, ", ") or "there are none")
  elseif isReserved(action) then
    return nil, "ACTION_NOT_ROUTED", (action == "" and "an empty action" or node.text(cut(action, 64))) .. " is never routed",
      "send it directly to the process, as its deployer"
  elseif rules.OBSERVED[action] then
    return true
  end
  local open = openOf(service, entry, options)
  if open == true or type(open) == "table" and includes(open, action) then return true end
  return nil, "ACTION_NOT_ROUTED", node.text(cut(action, 64)) .. " of " .. service .. " is not open to the fleet's users",
    type(open) == "table" and "send one of " .. table.concat(open, ", ") or "send Info, HEALTH_CHECK or GET_STATISTICS"
end

return rules
