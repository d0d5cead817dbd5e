--- The program's own handlers, without those of the library and of aos.
local handlers = {}

local COMMON = { fleet = true, ["fleet.unknown"] = true, _default = true, _eval = true, _boot = true }

local ONLY = { [true] = true, [-1] = true, ["break"] = true }

local function matched(msg, each)
  local ok, match = pcall(require(".utils").matchesSpec, msg, each.pattern)
  return ok and match and match ~= 0 and match ~= "skip" and match or nil
end

-- The same message with an unknown action: a handler that also matches this one does not depend on the action.
local function other(msg)
  local copy, tags = {}, {}
  for key, value in pairs(msg) do copy[key] = value end
  for key, value in pairs(type(msg.Tags) == "table" and msg.Tags or {}) do tags[key] = value end
  copy.Action, tags.Action = "fleet.no-such-action", "fleet.no-such-action"
  copy.Tags = tags
  return copy
end

--- Whether a handler of the program matches a message, exclusively or because of its action.
-- @tparam ?boolean alone only handlers that pass the message to no other
function handlers.takes(msg, alone)
  for _, each in ipairs(Handlers.list) do
    local match = not COMMON[each.name] and matched(msg, each)
    if match and (ONLY[match] or not alone and not matched(other(msg), each)) then return true end
  end
  return false
end

return handlers
