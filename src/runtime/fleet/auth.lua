--- Roles by sender. `msg.From` is the signer of a message or, if a trusted messenger pushed it, the sending process.
local envelope = require("fleet.envelope")
local roles = require("fleet.roles")

local auth = {}

--- The owner of the process.
auth.owner = roles.owner

local ROLES = {
  anyone = function() return true end,
  owner = function(from) return from == auth.owner() end,
  deployer = roles.isDeployer,
  peer = roles.isMember,
}

-- A message on behalf of another sender has no role: not the forwarder's, because it acts for someone else, and not the named
-- sender's, because that one did not sign it.
local function isCarried(msg)
  return envelope.tag(msg, "On-Behalf-Of") ~= nil
end

--- Whether a sender has a role. Deployers have the rights of peers; the owner has all rights. A message with the tag
-- `On-Behalf-Of` only has the role `anyone`.
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

--- Whether a message was sent by a process of the fleet or a deployer, for itself or on behalf of another sender.
function auth.isKnown(msg)
  return type(msg.From) == "string" and ROLES.peer(msg.From)
end

--- The class of a message's author; see `roles.class`.
function auth.class(msg)
  return roles.class(msg.From, isCarried(msg))
end

--- Whether a role rule is valid; checked when an action is declared, not when it is used.
function auth.isRule(who)
  if type(who) == "table" then
    for _, each in ipairs(who) do
      if not auth.isRule(each) then return false end
    end
    return #who > 0
  end
  return who == nil or type(who) == "function" or ROLES[who] ~= nil
end

--- The player that a message acts for: the sender, or the one in `On-Behalf-Of` if the fleet's router sent it.
-- The tag is ignored from any other sender.
function auth.player(msg)
  return roles.player(msg.From, envelope.tag(msg, "On-Behalf-Of"))
end

return auth
