--- Bounded lists that many authors fill. A full list loses an entry of the author who has most of them, so that nobody removes the entries
-- of others by adding their own. Plain lists, oldest first: they can be parts of a state.
--
-- ```lua
-- local ring = require("fleet.ring")
-- local function author(entry) return entry.player end
-- local dropped = ring.add(list, { player = "ash", text = "…" }, { size = 200, share = 10, by = author })
-- ```
local ring = {}

-- The place of the entry to lose: among those of the lowest rank, the oldest one of the author who has most of these.
local function weakest(list, by, rank)
  local counts, least = {}, nil
  for _, entry in ipairs(list) do
    local level = rank and rank(entry) or 0
    if least == nil or level < least then counts, least = {}, level end
    if level == least then
      local author = by(entry)
      counts[author] = (counts[author] or 0) + 1
    end
  end
  local place, most = nil, 0
  for at, entry in ipairs(list) do
    if rank == nil or rank(entry) == least then
      local n = counts[by(entry)]
      if n > most then place, most = at, n end
    end
  end
  return place
end

local function oldestOf(list, author, by)
  local oldest, n = nil, 0
  for at, entry in ipairs(list) do
    if by(entry) == author then oldest, n = oldest or at, n + 1 end
  end
  return oldest, n
end

--- Adds an entry. Costs one pass over the list with `share`, and two when it is full.
-- @tparam table list
-- @param entry not nil
-- @tparam table limits `size`: maximum number of entries · `by`: `function(entry)` returns its author, not nil (default: all entries have the
--   same) · `share`: maximum number of entries of one author; its oldest is replaced (default: no limit) · `rank`: `function(entry)` returns
--   a number; entries of a lower rank are lost first (default: all are equal)
-- @return the entry that was lost, or nil
function ring.add(list, entry, limits)
  local lost
  if limits.share then
    local oldest, n = oldestOf(list, limits.by(entry), limits.by)
    if n >= limits.share then lost = table.remove(list, oldest) end
  end
  -- Before the new entry is added: it is kept in any case.
  while #list >= limits.size do
    lost = table.remove(list, limits.by and weakest(list, limits.by, limits.rank) or 1)
  end
  list[#list + 1] = entry
  return lost
end

return ring
