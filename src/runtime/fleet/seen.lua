--- Messages that this process has handled. HyperBEAM nodes may give the same bytes a second slot, and anyone may post them again: a message
-- whose id is among the latest is not handled again, by no handler of the program and no Eval. Loads are remembered permanently. A message
-- whose evaluation failed is not among them, because it left no trace.
local store = require("fleet.store")

local seen = {}

--- Ids of the owner's messages have places of their own, which others cannot fill.
local SIZE = { owner = 1024, others = 4096 }

local function variant()
  local process = type(ao) == "table" and type(ao.env) == "table" and ao.env.Process
  local tags = type(process) == "table" and process.Tags
  if type(tags) ~= "table" then return nil end
  if type(tags.Variant) == "string" then return tags.Variant end
  for _, tag in ipairs(tags) do
    if type(tag) == "table" and tag.name == "Variant" then return tag.value end
  end
  return nil
end

local needed

--- Whether the network of this process may repeat a message: processes on HyperBEAM have the variant ao.N.1. Legacy schedulers refuse an item
-- that they have.
function seen.isNeeded()
  if needed == nil then
    local found = variant()
    if found == nil then return false end
    needed = found == "ao.N.1"
  end
  return needed
end

--- Records a message.
-- @tparam string id
-- @tparam boolean isOwners whether the owner sent it
-- @treturn boolean whether it was handled before
function seen.take(id, isOwners)
  if type(id) ~= "string" or id == "" then return false end
  local kept = store.seen
  if kept.byId[id] or kept.loads[id] then return true end
  local name = isOwners and "owner" or "others"
  local ring = kept[name]
  local place = ring.next % SIZE[name] + 1
  if ring.ids[place] then kept.byId[ring.ids[place]] = nil end
  ring.ids[place], kept.byId[id] = id, true
  ring.next = ring.next + 1
  return false
end

--- Remembers a load permanently: the first one came before the library.
-- @tparam ?string id of its message; nil if it could not be found out
function seen.keepLoad(id)
  if type(id) == "string" and id ~= "" then store.seen.loads[id] = true end
end

return seen
