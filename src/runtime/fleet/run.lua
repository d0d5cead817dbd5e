--- Runs a handler so that a fault has no effect: states, outbox and calls are restored.
local undo = require("fleet.undo")

local run = {}

local function truncate(list, length)
  for i = #list, length + 1, -1 do list[i] = nil end
end

-- Removes the handlers that were added since, wherever they are in aos' list.
local function keepOnly(before)
  local isKept = {}
  for _, each in ipairs(before) do isKept[each] = true end
  for i = #Handlers.list, 1, -1 do
    if not isKept[Handlers.list[i]] then table.remove(Handlers.list, i) end
  end
end

--- Calls a function in its own context.
-- @tparam function fn
-- @tparam table options `readonly`: record no changes of the states · `id`: the message being handled · `onceKey` · `silent`: nothing is sent, and
--   no call stays open, also without an error · `by`: for whom it runs · `continues`: it runs because of a reply ·
--   `sentFor`: the request that it works for, if that is not the message being handled
-- @treturn boolean whether it ended without an error
-- @return its first result, or the error value
-- @treturn table the context
-- @treturn ?string a traceback of a fault
function run.protected(fn, options)
  local saved = not options.readonly and undo.open() or nil
  local outbox = ao.outbox
  local messages, spawns, assignments = #outbox.Messages, #outbox.Spawns, #outbox.Assignments
  local handlers = { table.unpack(Handlers.list) }
  local context = { saved = saved, id = options.id, onceKey = options.onceKey, key = options.key, undo = {}, by = options.by, continues = options.continues, sentFor = options.sentFor }
  local before = Fleet.context
  Fleet.context = context
  local thread = coroutine.create(fn)
  local ok, result = coroutine.resume(thread)
  Fleet.context = before
  local trace
  if ok and coroutine.status(thread) == "suspended" then
    -- The rest would run during another message, and the undo would overwrite its states.
    ok, result = false, "a handler must not wait (Receive): use fleet.call and fleet.later"
    keepOnly(handlers)
  elseif not ok and type(result) ~= "table" then
    trace = debug.traceback(thread, tostring(result))
  end
  if saved and ok then undo.keep(saved) elseif saved then undo.back(saved) end
  if not ok or options.silent then
    truncate(outbox.Messages, messages)
    truncate(outbox.Spawns, spawns)
    truncate(outbox.Assignments, assignments)
    for i = #context.undo, 1, -1 do context.undo[i](ok) end
  end
  return ok, result, context, trace
end

--- Runs the library's own bookkeeping and metrics. An error in it is recorded as a fault of the process and undoes nothing.
-- @return what the function returned, or nil after an error
function run.aside(what, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  pcall(Fleet.fault, what, tostring(result))
  return nil
end

--- Registers an undo function for the case that the current handler fails.
-- @tparam function fn `function(isDone)`: `isDone` if the handler did not fail, and only what it sends and awaits is undone (`silent`)
function run.onFailure(fn)
  local context = Fleet.context
  if context then table.insert(context.undo, fn) end
end

return run
