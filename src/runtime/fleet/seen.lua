--- Messages that this process has handled. HyperBEAM nodes may give the same bytes a second slot, and anyone may post them again: a message
-- whose id is known (see `fleet.marks`) is not handled again, by no handler of the program and no Eval. Loads are remembered permanently, and control
-- messages for as long as their epoch counts. A message whose evaluation failed is not among them on genesis-wasm@1.0, where it left no trace.
-- On lua@5.3a what it did before the error remains, so it is among them.
local marks = require("fleet.marks")
local node = require("fleet.node")
local roles = require("fleet.roles")
local store = require("fleet.store")

local seen = {}

store.seen.marks = store.seen.marks or marks.new()

local function now() return Fleet.current and Fleet.current.at or 0 end

--- Whether the network of this process may repeat a message. Legacy schedulers refuse an item that they have.
seen.isNeeded = node.isHere

--- Records a message.
-- @tparam string id
-- @tparam string from its sender: each has places of its own, because anyone may post the bytes of anybody else again
-- @treturn boolean whether it was handled before
function seen.take(id, from)
  if type(id) ~= "string" or id == "" then return false end
  local kept = store.seen
  if kept.byId[id] or kept.loads[id] or kept.control.ids[id] then return true end
  return not marks.add(kept.marks, from, id, now(), roles.isMember(from))
end

--- Remembers a load permanently: the first one came before the library.
-- @tparam ?string id of its message; nil if it could not be found out
function seen.keepLoad(id)
  if type(id) == "string" and id ~= "" then store.seen.loads[id] = true end
end

--- Remembers a control message, however many messages follow. Those of earlier epochs are forgotten, because they are refused as stale.
-- @tparam string id
-- @tparam ?number n its epoch; nil if it has none: then it is remembered permanently
function seen.keepControl(id, n)
  if n == nil then return seen.keepLoad(id) end
  local kept = store.seen.control
  if kept.epoch < store.epoch then
    local ids = {}
    for old, of in pairs(kept.ids) do
      if of >= store.epoch then ids[old] = of end
    end
    kept.ids, kept.epoch = ids, store.epoch
  end
  if type(id) == "string" and id ~= "" and n >= store.epoch then kept.ids[id] = n end
end

return seen
