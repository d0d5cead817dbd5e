--- Handlers that wait for one message (`Receive`, `Handlers.once` without a name): their continuations cannot be exported. One that the
-- program registers at load is not among them: the program registers it in another process, too.
local handlers = require("fleet.handlers")
local store = require("fleet.store")

local waiting = {}

local function names()
  local found = {}
  for _, each in ipairs(Handlers.list) do
    if handlers.isWaiting(each.name) then found[#found + 1] = each.name end
  end
  return found
end

-- The library is evaluated before the program, so these wait since a message.
local before = {}
for _, name in ipairs(names()) do before[name] = true end

--- Called at the end of a load.
function waiting.loaded()
  store.onceAtLoad = {}
  for _, name in ipairs(names()) do
    if not before[name] then store.onceAtLoad[name] = true end
  end
end

--- Records for which key the handlers wait that the message before this one made wait. Called before a message is handled.
-- @tparam ?string key of that message
function waiting.record(key)
  if not next(store.partitioned) then return end
  local before, now = store.onceKeys or {}, {}
  for _, name in ipairs(names()) do
    local known = before[name]
    if known == nil then known = key or false end
    now[name] = known
  end
  store.onceKeys = now
end

--- Number of handlers that wait since a message whose key belongs to a range, or is not known: one that was resumed and waits again.
-- @tparam function belongs `function(key)`
function waiting.countOf(belongs)
  local n, atLoad, keys = 0, store.onceAtLoad or {}, store.onceKeys or {}
  for _, name in ipairs(names()) do
    if not atLoad[name] and (not keys[name] or belongs(keys[name])) then n = n + 1 end
  end
  return n
end

--- Number of handlers that wait for a message since a message.
function waiting.count()
  local n, atLoad = 0, store.onceAtLoad or {}
  for _, name in ipairs(names()) do
    if not atLoad[name] then n = n + 1 end
  end
  return n
end

return waiting
