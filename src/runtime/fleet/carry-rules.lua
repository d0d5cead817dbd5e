--- Which messages a router carries for whoever asks. It speaks to services as itself, and they may trust it: whatever it carries for a
-- stranger must be an action that strangers may ask for themselves. Nothing here keeps anything.
local registry = require("fleet.registry")

local rules = {}

--- What may be asked of any process that the router knows.
rules.OBSERVED = { Info = true, HEALTH_CHECK = true, GET_STATISTICS = true }

-- aos' own actions, what processes tell each other unasked, and the controls that only some processes of a fleet have. Those that every
-- process has are known from their declarations, and so are the router's own.
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

-- `true`, `false` or a list of actions: the program's word, else the declaration's, else all of what the deployer gave a table.
local function openOf(service, entry, options)
  local open = options.open and options.open[service]
  if open ~= nil then return open end
  if not entry or options.declared == false then return false end
  return entry.actions == nil or entry.actions
end

--- What is carried to a service: true for all but what is never carried, or a list of actions; false where only OBSERVED is.
-- @tparam string service
-- @tparam ?table entry what the router's table has of it
-- @tparam table options `open`: service → true, false or a list of actions · `declared`: whether what has a table is open otherwise
function rules.open(service, entry, options)
  return openOf(service, entry, options)
end

--- Decides whether an action may be carried to a service.
-- @tparam boolean known whether the service is wired or in the router's table
-- @tparam {string} names of services, for who misspelt one
-- @treturn ?boolean true, or nil, code, message, remedy
function rules.allowed(service, action, known, entry, options, names)
  if not known then
    return nil, "UNKNOWN_SERVICE", "no service " .. service:sub(1, 64) .. " is wired",
      "name one of the fleet's processes: " .. (#names > 0 and table.concat(names, ", ") or "none is known")
  elseif isReserved(action) then
    return nil, "ACTION_NOT_ROUTED", (action == "" and "an empty action" or action:sub(1, 64)) .. " is never routed",
      "send it to the process itself, as its deployer"
  elseif rules.OBSERVED[action] then
    return true
  end
  local open = openOf(service, entry, options)
  if open == true or type(open) == "table" and includes(open, action) then return true end
  return nil, "ACTION_NOT_ROUTED", action:sub(1, 64) .. " of " .. service .. " is not open to the fleet's users",
    type(open) == "table" and "ask for " .. table.concat(open, ", ") or "ask for Info, HEALTH_CHECK or GET_STATISTICS"
end

return rules
