--- Requests that run at most once: among the latest 256, a request with the same correlation id, sender and action
-- gets the earlier reply.
local store = require("fleet.store")

local once = {}

local SIZE = 256

--- The key that identifies a request.
function once.key(sender, action, correlation)
  return sender .. "\n" .. action .. "\n" .. correlation
end

--- The earlier run: { ok, text, tags? }, or { pending = true } until it is answered.
function once.find(key)
  return store.answered.byKey[key]
end

--- Records that a request is running.
function once.begin(key)
  local answered = store.answered
  answered.byKey[key] = { pending = true }
  answered.order[answered.next] = key
  answered.next = answered.next + 1
  while answered.next - answered.first > SIZE do
    local oldest = answered.order[answered.first]
    answered.order[answered.first] = nil
    answered.first = answered.first + 1
    if oldest ~= nil then answered.byKey[oldest] = nil end
  end
end

--- Stores the reply.
function once.finish(key, ok, text, tags)
  if key and store.answered.byKey[key] then store.answered.byKey[key] = { ok = ok, text = text, tags = tags } end
end

--- Removes a request that had a fault: it changed nothing and can be sent again.
function once.forget(key)
  local answered = store.answered
  if not (key and answered.byKey[key]) then return end
  answered.byKey[key] = nil
  -- The slot is left empty, so that the key is not evicted too early when the request starts again.
  for at = answered.next - 1, answered.first, -1 do
    if answered.order[at] == key then answered.order[at] = nil break end
  end
end

return once
