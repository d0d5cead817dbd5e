--- What an address is to this process: its owner, a deployer, a process of the fleet, or anybody else.
local store = require("fleet.store")

local roles = {}

--- The owner of the process.
function roles.owner()
  return type(Owner) == "string" and Owner or ""
end

local function includes(list, value)
  for _, each in pairs(list) do
    if each == value then return true end
  end
  return false
end

local function isAdmitted(id)
  for _, ids in pairs(store.admitted) do
    if includes(ids, id) then return true end
  end
  return false
end

--- Whether an address is the owner or may deploy.
function roles.isDeployer(from)
  return from == roles.owner() or includes(store.allowed, from)
end

--- Whether an address is a deployer or a process of the fleet.
function roles.isMember(from)
  return includes(store.peers, from) or isAdmitted(from) or roles.isDeployer(from)
end

-- The fleet's router: the member that the deployer set as the router when it wired the peers, else the wired coordinator, because
-- deployers of earlier versions do not set it.
local function isRouter(from)
  return from ~= nil and from == (store.router or store.peers.coordinator)
end

--- The player that a message acts for: the sender, or the one on whose behalf the fleet's router sent it. From any other sender, that is ignored.
-- @tparam ?string behalf the tag `On-Behalf-Of`
function roles.player(from, behalf)
  if behalf and behalf ~= "" and #behalf <= 128 and isRouter(from) then return behalf end
  return from
end

--- The class of an author. Bounded records have separate places for each, so that what strangers do removes no record of the others.
-- @tparam ?string from nil if there is no message, as at the first load
-- @tparam ?boolean carried whether the message is on behalf of another sender: then its forwarder is not its author
-- @treturn string `operators` (the owner, deployers), `members` (processes of the fleet) or `others`
function roles.class(from, carried)
  if from == nil then return "operators" end
  if type(from) ~= "string" or carried then return "others" end
  return roles.isDeployer(from) and "operators" or roles.isMember(from) and "members" or "others"
end

return roles
