--- The audit log: important actions, and refusals. Two ring buffers of 100 entries, read as one list of at most 200.
local envelope = require("fleet.envelope")
local store = require("fleet.store")

local audit = {}

local SIZE = 100

--- Records an outcome. A repeat of the latest entry of its ring (same sender, action and code) increments its `count`.
-- @tparam string outcome `ok`, `refused` or `error`
function audit.record(from, action, outcome, code)
  local ring = outcome == "ok" and store.audit.accepted or store.audit.refused
  action = tostring(action):sub(1, 64)
  from = tostring(from):sub(1, 128)
  store.audit.seq = store.audit.seq + 1
  local last = ring[#ring]
  if last and last.from == from and last.action == action and last.code == code and last.outcome == outcome then
    last.seq, last.at, last.count = store.audit.seq, envelope.now(), last.count + 1
    return
  end
  ring[#ring + 1] = {
    seq = store.audit.seq, at = envelope.now(), from = from, action = action, outcome = outcome, code = code, count = 1,
  }
  if #ring > SIZE then table.remove(ring, 1) end
end

--- Entries after a sequence number, oldest first.
function audit.read(since)
  local entries = {}
  for _, ring in ipairs({ store.audit.accepted, store.audit.refused }) do
    for _, entry in ipairs(ring) do
      if entry.seq > (since or 0) then entries[#entries + 1] = entry end
    end
  end
  table.sort(entries, function(a, b) return a.seq < b.seq end)
  return entries
end

return audit
