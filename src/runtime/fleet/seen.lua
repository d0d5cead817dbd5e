--- Messages that this process has handled. A network may give the same bytes a second slot, as HyperBEAM nodes do, and anyone may post them
-- again: among the latest 4,096, a message with the same id is not handled again, by no handler of the program and no Eval. Loads are
-- remembered permanently. A message whose evaluation failed is not among them, because it left no trace.
local store = require("fleet.store")

local seen = {}

local SIZE = 4096

--- Records a message.
-- @treturn boolean whether it was handled before
function seen.take(id)
  if type(id) ~= "string" or id == "" then return false end
  local kept = store.seen
  if kept.byId[id] or kept.loads[id] then return true end
  kept.byId[id] = true
  kept.order[kept.next] = id
  kept.next = kept.next + 1
  if kept.next - kept.first > SIZE then
    local oldest = kept.order[kept.first]
    kept.order[kept.first] = nil
    kept.first = kept.first + 1
    kept.byId[oldest] = nil
  end
  return false
end

--- Remembers a load permanently: the first one came before the library.
-- @tparam ?string id of its message; nil if it could not be found out
function seen.keepLoad(id)
  if type(id) == "string" and id ~= "" then store.seen.loads[id] = true end
end

return seen
