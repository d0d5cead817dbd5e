--- Actions that both the library and a program handle. `Info` and others are common in aos: if the program has its own handler for such
-- an action, that handler answers, and the library's is reached as `Fleet.<action>`. The fleet's tools select the library's with a tag,
-- whatever handlers the program has; earlier libraries, which do not know the tag, answer them anyway.
local envelope = require("fleet.envelope")

local shared = {}

--- Prefix of an action's name that selects the fleet's handler, whatever handlers the program has.
shared.PREFIX = "Fleet."
--- A message with this tag is meant for the fleet's action.
shared.TAG = "Fleet-Request"

-- An action that no program handles specifically.
local NOBODY = shared.PREFIX .. "Nobody"

local function takes(pattern, msg)
  local ok, match = pcall(require(".utils").matchesSpec, msg, pattern)
  -- A handler that passes the message on does not answer it.
  return ok and match and match ~= 0 and match ~= 1 and match ~= "skip" and match ~= "continue"
end

local function renamed(msg)
  local copy = {}
  for key, value in pairs(msg) do copy[key] = value end
  copy.Action = NOBODY
  if type(msg.Tags) == "table" then
    copy.Tags = {}
    for key, value in pairs(msg.Tags) do copy.Tags[key] = value end
    copy.Tags.Action = NOBODY
  end
  return copy
end

--- The name of the program's handler that matches a message by its action; nil if none does, or only one that matches any action.
function shared.handlerOf(msg)
  local other
  for _, each in ipairs(Handlers.list) do
    local name = tostring(each.name)
    local own = name ~= "fleet" and name ~= "fleet.unknown" and name:sub(1, 1) ~= "_"
    if own and takes(each.pattern, msg) then
      other = other or renamed(msg)
      if not takes(each.pattern, other) then return name end
    end
  end
  return nil
end

--- Whether the program itself answers a message with one of the fleet's actions.
-- @tparam table entry the registry's entry for the action
function shared.isPrograms(entry, msg)
  if not entry.builtin or msg.Action ~= entry.action then return false end
  -- A message with an epoch is a control message of a deployer.
  if envelope.tag(msg, shared.TAG) or envelope.tag(msg, "Epoch") then return false end
  return shared.handlerOf(msg) ~= nil
end

--- The fleet's actions that the program answers itself.
-- @tparam table actions their names, sorted
-- @treturn table a list of { action, handler }
function shared.answered(actions)
  local list = {}
  for _, action in ipairs(actions) do
    local handler = shared.handlerOf({
      Action = action, Tags = { Action = action }, From = Owner, Owner = Owner, Target = ao.id, Id = "", Data = "",
      Timestamp = envelope.now(), reply = function() end,
    })
    if handler then list[#list + 1] = { action = action, handler = handler } end
  end
  return list
end

return shared
