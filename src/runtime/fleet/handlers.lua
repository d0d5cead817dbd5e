--- The program's own handlers, beside those of the library and of aos.
local handlers = {}

local COMMON = { fleet = true, ["fleet.unknown"] = true, _default = true, _eval = true, _boot = true }

local ONLY = { [true] = true, [-1] = true, ["break"] = true }

local function matched(msg, each)
  local ok, match = pcall(require(".utils").matchesSpec, msg, each.pattern)
  return ok and match and match ~= 0 and match ~= "skip" and match or nil
end

-- The same message with an action that nobody has: what takes this too watches everything and knows no action.
local function other(msg)
  local copy, tags = {}, {}
  for key, value in pairs(msg) do copy[key] = value end
  for key, value in pairs(type(msg.Tags) == "table" and msg.Tags or {}) do tags[key] = value end
  copy.Action, tags.Action = "fleet.no-such-action", "fleet.no-such-action"
  copy.Tags = tags
  return copy
end

--- Whether a handler of the program takes a message: alone, or as one of several that it is meant for.
-- @tparam ?boolean alone only one that lets no other see it
function handlers.takes(msg, alone)
  for _, each in ipairs(Handlers.list) do
    local match = not COMMON[each.name] and matched(msg, each)
    if match and (ONLY[match] or not alone and not matched(other(msg), each)) then return true end
  end
  return false
end

return handlers
