--- Peers by name: told by the deployer after all processes exist.
local calls = require("fleet.calls")
local fail = require("fleet.fail")
local store = require("fleet.store")

local wiring = {}

--- The id of a wired peer, or nil.
function wiring.peer(name)
  return store.peers[name]
end

--- name → id, a copy.
function wiring.all()
  local result = {}
  for name, id in pairs(store.peers) do result[name] = id end
  return result
end

--- Calls a wired peer by its name.
-- @tparam string name
-- @tparam string action
-- @tparam ?table data
-- @tparam ?function continuation see `calls.open`; without one the message is sent and forgotten
-- @tparam ?table options see `calls.open`
-- @treturn string the correlation id
-- @raise a failure `PEER_UNKNOWN` when no such peer is wired
function wiring.call(name, action, data, continuation, options)
  local target = store.peers[name]
  if not target then
    error(fail.new("PEER_UNKNOWN", "this process knows no peer " .. tostring(name), "Wire it: the deployment does so after all processes exist."))
  end
  return calls.open(target, name, action, data, continuation, options)
end

--- Calls any process by its id.
function wiring.ask(id, action, data, continuation, options)
  return calls.open(id, id, action, data, continuation, options)
end

return wiring
