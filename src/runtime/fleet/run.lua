--- Runs a handler so that a fault leaves no trace: states, outbox and calls are as before.
local state = require("fleet.state")

local run = {}

local function truncate(list, length)
  for i = #list, length + 1, -1 do list[i] = nil end
end

--- Calls a function in a context of its own.
-- @tparam function fn
-- @tparam table options `readonly`: do not remember the states · `id`: the message being handled · `onceKey`
-- @treturn boolean whether it ended without an error
-- @return its first result, or what it raised
-- @treturn table the context
-- @treturn ?string a traceback of a fault
function run.protected(fn, options)
  local saved = not options.readonly and state.save() or nil
  local outbox = ao.outbox
  local messages, spawns, assignments = #outbox.Messages, #outbox.Spawns, #outbox.Assignments
  local handlers = #Handlers.list
  local context = { id = options.id, onceKey = options.onceKey, key = options.key, undo = {} }
  local before = Fleet.context
  Fleet.context = context
  local thread = coroutine.create(fn)
  local ok, result = coroutine.resume(thread)
  Fleet.context = before
  local trace
  if ok and coroutine.status(thread) == "suspended" then
    -- The rest would run in another message, on states that this one's undo would then overwrite.
    ok, result = false, "a handler may not wait (Receive): use fleet.call and fleet.later"
    for _ = 1, #Handlers.list - handlers do table.remove(Handlers.list, 1) end
  elseif not ok and type(result) ~= "table" then
    trace = debug.traceback(thread, tostring(result))
  end
  if not ok then
    if saved then state.restore(saved) end
    truncate(outbox.Messages, messages)
    truncate(outbox.Spawns, spawns)
    truncate(outbox.Assignments, assignments)
    for i = #context.undo, 1, -1 do context.undo[i]() end
  end
  return ok, result, context, trace
end

--- Does what is the library's own and nobody's request: bookkeeping, figures. An error in it is recorded as a fault of the process and
-- takes nothing back.
-- @return what the function returned, or nil after an error
function run.aside(what, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  pcall(Fleet.fault, what, tostring(result))
  return nil
end

--- Has something undone if the handler that runs now fails.
function run.onFailure(fn)
  local context = Fleet.context
  if context then table.insert(context.undo, fn) end
end

return run
