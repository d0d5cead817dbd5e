--- Peers by name, as wired by the deployer after all processes exist.
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

--- The peers without the fleet's library, which do not answer its actions: id → name.
function wiring.withoutLibrary()
  local result = {}
  for _, name in ipairs(store.withoutLibrary) do result[store.peers[name]] = name end
  return result
end

--- Calls a wired peer by its name.
-- @tparam string name
-- @tparam string action
-- @tparam ?table data
-- @tparam ?function continuation see `calls.open`; without it, the reply is ignored
-- @tparam ?table options see `calls.open`
-- @treturn string the correlation id
-- @raise a failure `PEER_UNKNOWN` if there is no such peer
function wiring.call(name, action, data, continuation, options)
  local target = store.peers[name]
  if not target then
    error(fail.new("PEER_UNKNOWN", "this process has no peer " .. tostring(name), "Wire it with WIRE_PEERS: a deployment does this after all processes exist."))
  end
  return calls.open(target, name, action, data, continuation, options)
end

--- Whether a process is the wired peer of a name, or another revision that may call as this peer.
function wiring.isPeer(name, id)
  if id == nil then return false end
  for _, each in ipairs(store.admitted[name] or {}) do
    if each == id then return true end
  end
  return store.peers[name] == id
end

-- Maximum number of revisions of one peer that may call at the same time.
local MOST_ADMITTED = 8

--- Allows another process to call as the peer of that name; only the latest few are kept.
-- @treturn table ids
function wiring.admit(name, id)
  local kept = {}
  for _, each in ipairs(store.admitted[name] or {}) do
    if each ~= id then kept[#kept + 1] = each end
  end
  kept[#kept + 1] = id
  while #kept > MOST_ADMITTED do table.remove(kept, 1) end
  store.admitted[name] = kept
  return kept
end

--- Replaces the table of peers. The previous process of a name stays admitted, because it may have open requests; processes of removed
-- names are no longer admitted.
-- @tparam table without names of the peers without the library, all of them in `peers`
function wiring.replace(peers, hash, router, without)
  for name, id in pairs(store.peers) do
    if peers[name] ~= nil and peers[name] ~= id then wiring.admit(name, id) end
  end
  for name in pairs(store.admitted) do
    if peers[name] == nil then store.admitted[name] = nil end
  end
  store.peers, store.peersHash, store.router, store.withoutLibrary = peers, hash, router, without
end

--- Calls any process by its id.
function wiring.ask(id, action, data, continuation, options)
  return calls.open(id, id, action, data, continuation, options)
end

return wiring
