--- Names that a program has for itself. `Info` and its like mean something in the world of aos: where the program has a handler of
-- its own for such an action, that one answers, with its own tags and data, and the fleet's answer stands under `Fleet.<action>`. The
-- fleet's own tools say by a tag that they mean the fleet's, whatever the program has; an earlier library, which knows neither, answers
-- them all the same.
local envelope = require("fleet.envelope")

local shared = {}

--- Before the name of an action: the fleet's, whatever handlers the program has.
shared.PREFIX = "Fleet."
--- A message with this tag means the fleet's action.
shared.TAG = "Fleet-Request"

-- No program has a handler for this one alone.
local NOBODY = shared.PREFIX .. "Nobody"

local function takes(pattern, msg)
  local ok, match = pcall(require(".utils").matchesSpec, msg, pattern)
  -- A handler that lets the message through answers nothing.
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

--- The name of the program's handler that takes a message for its action; nil where none does, or only one that takes any action.
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

--- Whether the program answers a message itself, though its action is one of the fleet's.
-- @tparam table entry what the registry has for the action
function shared.isPrograms(entry, msg)
  if not entry.builtin or msg.Action ~= entry.action then return false end
  -- A control message carries the epoch of a run: it is a deployer's.
  if envelope.tag(msg, shared.TAG) or envelope.tag(msg, "Epoch") then return false end
  return shared.handlerOf(msg) ~= nil
end

--- Which of the fleet's actions the program answers itself.
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
