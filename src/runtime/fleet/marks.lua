--- A memory of what senders did: whether a sender did something, not what. Eight bytes for each, so that it lasts for as long as somebody can
-- repeat it. Each sender has places of its own: nobody fills those of another.
--
-- What bounds it: a sender that is no process of the fleet loses its own oldest marks beyond MOST_OF_ONE, a process of the fleet beyond
-- MOST_CHUNKS times as many. Beyond MOST_SENDERS, those with the fewest marks are forgotten, the longest silent ones first, and none of the
-- fleet: who wants somebody else forgotten needs that many wallets, each with more marks than that sender. A wallet costs about 200 bytes.
local marks = {}

--- Marks of one sender, and how many times that for a process of the fleet; senders.
marks.MOST_OF_ONE, marks.MOST_CHUNKS, marks.MOST_SENDERS = 4096, 16, 65536

local BYTES = 8

--- An empty memory.
-- `of`: sender → marks, newest last · `older`: process of the fleet → full strings of marks, newest last · `at`: sender → scheduler time
-- of its latest mark · `fleet`: the senders that are never forgotten
function marks.new()
  return { of = {}, older = {}, at = {}, fleet = {}, count = 0 }
end

-- Two FNV-1a hashes of 32 bits. Senders can only make their own marks collide.
local function print8(text)
  local a, b = 0x811c9dc5, 0x1000193
  for i = 1, #text do
    local byte = text:byte(i)
    a = ((a ~ byte) * 0x01000193) & 0xffffffff
    b = ((b ~ byte) * 0x85ebca6b + i) & 0xffffffff
  end
  return string.char(a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, b >> 24, b >> 16 & 255, b >> 8 & 255, b & 255)
end

-- Where a mark begins in a string of marks.
local function placeIn(text, mark)
  local from = 1
  while true do
    local at = text:find(mark, from, true)
    if at == nil or (at - 1) % BYTES == 0 then return at end
    from = at + 1
  end
end

local function find(kept, sender, mark)
  local own = kept.of[sender]
  if own == nil then return nil end
  local at = placeIn(own, mark)
  if at then return 0, at end
  local older = kept.older[sender]
  for i = older and #older or 0, 1, -1 do
    at = placeIn(older[i], mark)
    if at then return i, at end
  end
  return nil
end

--- Whether a sender has a mark.
function marks.has(kept, sender, text)
  return find(kept, sender, print8(text)) ~= nil
end

local function drop(kept, sender)
  kept.of[sender], kept.older[sender], kept.at[sender] = nil, nil, nil
  kept.count = kept.count - 1
end

-- A sixteenth at once, because finding them takes a pass over all.
local function makeRoom(kept)
  local rest = {}
  for sender, own in pairs(kept.of) do
    if not kept.fleet[sender] then rest[#rest + 1] = { sender, #own, kept.at[sender] or 0 } end
  end
  table.sort(rest, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[3] < b[3] or a[3] == b[3] and a[1] < b[1]
  end)
  for i = 1, math.min(#rest, math.max(1, marks.MOST_SENDERS // 16)) do drop(kept, rest[i][1]) end
end

--- Adds a mark.
-- @tparam string sender
-- @tparam string text what it did
-- @tparam number now scheduler time
-- @tparam boolean isFleets whether the sender is a process or a deployer of the fleet
-- @treturn boolean false if it had the mark
function marks.add(kept, sender, text, now, isFleets)
  local mark, own = print8(text), kept.of[sender]
  kept.fleet[sender] = isFleets or nil
  if own == nil then
    if kept.count >= marks.MOST_SENDERS then makeRoom(kept) end
    kept.count, own = kept.count + 1, ""
  elseif find(kept, sender, mark) then
    return false
  end
  if #own >= marks.MOST_OF_ONE * BYTES then
    if isFleets then
      local older = kept.older[sender] or {}
      kept.older[sender], older[#older + 1], own = older, own, ""
      if #older >= marks.MOST_CHUNKS then table.remove(older, 1) end
    else
      own = own:sub(BYTES + 1)
    end
  end
  kept.of[sender], kept.at[sender] = own .. mark, now
  return true
end

--- Removes a mark.
function marks.remove(kept, sender, text)
  local chunk, at = find(kept, sender, print8(text))
  if chunk == nil then return end
  local function without(own) return own:sub(1, at - 1) .. own:sub(at + BYTES) end
  if chunk > 0 then
    kept.older[sender][chunk] = without(kept.older[sender][chunk])
  else
    kept.of[sender] = without(kept.of[sender])
    if kept.of[sender] == "" and kept.older[sender] == nil then drop(kept, sender) end
  end
end

return marks
