--- Roles by sender. `msg.From` is the signer of a message or, for what a trusted messenger pushed, the sending process.
local store = require("fleet.store")
local envelope = require("fleet.envelope")

local auth = {}

--- Who the process belongs to.
function auth.owner()
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

local ROLES = {
  anyone = function() return true end,
  owner = function(from) return from == auth.owner() end,
  deployer = function(from) return from == auth.owner() or includes(store.allowed, from) end,
  peer = function(from)
    return includes(store.peers, from) or isAdmitted(from) or from == auth.owner() or includes(store.allowed, from)
  end,
}

-- What one process carries for somebody else is that one's wish: neither the role of the carrier, who may say whom it likes,
-- nor that of whom it names, who did not sign, counts for it.
local function isCarried(msg)
  return envelope.tag(msg, "On-Behalf-Of") ~= nil
end

--- Whether a sender has a role. Deployers may do what peers may; the owner may do everything. A message with the tag
-- `On-Behalf-Of` has no role but `anyone`.
-- @param who `anyone`, `peer`, `deployer`, `owner`, a list of them, or a function of the message
function auth.allows(who, msg)
  if type(who) == "function" then return who(msg) == true end
  if type(who) == "table" then
    for _, each in ipairs(who) do
      if auth.allows(each, msg) then return true end
    end
    return false
  end
  local role = ROLES[who or "anyone"]
  if role ~= nil and role ~= ROLES.anyone and isCarried(msg) then return false end
  return role ~= nil and type(msg.From) == "string" and msg.From ~= "" and role(msg.From)
end

--- Whether a message was sent by a process of the fleet or a deployer, for itself or for somebody else.
function auth.isKnown(msg)
  return type(msg.From) == "string" and ROLES.peer(msg.From)
end

--- Whether such a rule is one; checked when an action is declared rather than when it is used.
function auth.isRule(who)
  if type(who) == "table" then
    for _, each in ipairs(who) do
      if not auth.isRule(each) then return false end
    end
    return #who > 0
  end
  return who == nil or type(who) == "function" or ROLES[who] ~= nil
end

-- The fleet's router: the member that the deployer named as the router when it told the peers, else the wired coordinator, which
-- deployers of earlier versions do not name.
local function isRouter(from)
  return from ~= nil and from == (store.router or store.peers.coordinator)
end

--- On whose behalf a message acts: the sender, or whom the fleet's router names in `On-Behalf-Of`.
-- From anybody else that tag means nothing.
function auth.player(msg)
  local behalf = envelope.tag(msg, "On-Behalf-Of")
  if behalf and behalf ~= "" and #behalf <= 128 and isRouter(msg.From) then return behalf end
  return msg.From
end

return auth
