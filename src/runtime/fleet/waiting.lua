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

--- Number of handlers that wait for a message since a message.
function waiting.count()
  local n, atLoad = 0, store.onceAtLoad or {}
  for _, name in ipairs(names()) do
    if not atLoad[name] then n = n + 1 end
  end
  return n
end

return waiting
