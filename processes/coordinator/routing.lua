--- Which messages the coordinator carries to whom. The coordinator speaks to its peers as a peer, so whatever it
-- carries for a stranger is an action that strangers may ask for themselves: everything else is refused here.
local routing = {}

--- Services whose own actions are carried for everybody; of any other process only OBSERVED is.
routing.OPEN = { battle = true, pokemon = true, shop = true }

--- What may be asked of any wired process.
routing.OBSERVED = { Info = true, HEALTH_CHECK = true, GET_STATISTICS = true }

-- Actions that every process has for its deployers and peers, and aos' own: never carried.
local RESERVED = {
  UPDATE_CONFIG = true, GET_CONFIG = true, WIRE_PEERS = true, RETIRE = true, RESUME = true, DRAIN = true,
  EXPORT_STATE = true, IMPORT_STATE = true, SET_ALLOWED = true, AUDIT = true, LOGS = true, Eval = true, Cron = true,
  RESTORE_CONFIG = true, PROBE_PEERS = true, STARTUP = true, Error = true, SET_TRAFFIC = true, PROVE_TARGETS = true,
  TRAFFIC_COMMAND = true,
}

--- Decides whether an action may be carried to a service.
--- @param service string name of the peer
--- @param action string
--- @param known any whether the service is wired or in the router's table
--- @return boolean? true, or nil, code, message, remedy
function routing.allowed(service, action, known)
  if not known then
    return nil, "UNKNOWN_SERVICE", "no service " .. service .. " is wired", "name one of the fleet's processes: battle, pokemon, shop"
  elseif action == "" or RESERVED[action] or action:find("%-Response$") then
    return nil, "ACTION_NOT_ROUTED", (action == "" and "an empty action" or action) .. " is never routed", "send it to the process itself, as its deployer"
  elseif routing.OBSERVED[action] or routing.OPEN[service] then
    return true
  end
  return nil, "ACTION_NOT_ROUTED", action .. " of " .. service .. " is not open to the fleet's users", "ask for Info, HEALTH_CHECK or GET_STATISTICS"
end

return routing
