--- Calls to wired peers, and requests whose reply has to wait for one. Nothing blocks: the reply is another message,
-- and what does not come is given up at the first message after its time, by scheduler time.
local answers = require("fleet.answer")
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local json = require("fleet.json")
local log = require("fleet.log")
local matching = require("fleet.matching")
local once = require("fleet.once")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local run = require("fleet.run")
local shared = require("fleet.shared")
local stats = require("fleet.stats")
local store = require("fleet.store")

local calls = {}

--- Calls of one process that may wait at once, so that its memory has an end. One request may need many: a round over a fleet.
calls.MOST = 4096

--- Milliseconds that a call may take: `PROCESS_CONFIG.requestTimeout`.
function calls.timeout()
  return config.get("PROCESS_CONFIG", "requestTimeout")
end

--- How many requests may be under way at once: `PROCESS_CONFIG.maxConcurrentRequests`. A process handles one message after
-- the other, so under way means: put off with `fleet.later`, until the answer is sent.
function calls.limit()
  return config.get("PROCESS_CONFIG", "maxConcurrentRequests")
end

--- How many requests are under way.
function calls.deferred()
  local n = 0
  for _ in pairs(store.calls.deferred) do n = n + 1 end
  return n
end

--- Sends an action to a process and has a function called with the reply.
-- @tparam string target process id
-- @tparam string name how it is called in errors
-- @tparam string action
-- @tparam ?table data sent as JSON
-- @tparam ?function continuation `function(reply, msg, raw)`; reply is the answer's data as `fleet.answer` reads it, or
--   `{ success = false, error = { code = "TIMEOUT" | "CANCELLED", … } }`; msg and raw ({ text, action, tags }) are nil unless it came
-- @tparam ?table options `tags`: further tags · `timeout`: ms · `text`: sent as Data in the place of `data` · `faultWhen`: see `fleet.faults`
--   · `counted`: `calls.counted` gives it while it is open
-- @treturn string the correlation id
-- @raise a failure `BUSY` when too many calls are open
function calls.open(target, name, action, data, continuation, options)
  if type(target) ~= "string" or target == "" then error("a call needs the id of a process, not " .. type(target), 0) end
  if type(action) ~= "string" or action == "" then error("a call needs an action, not " .. type(action), 0) end
  local text = options and options.text or json.encode(data or json.object())
  local state = store.calls
  if continuation and state.count >= calls.MOST then
    error(fail.new("BUSY", state.count .. " calls of this process wait already", "Send the request again later."))
  end
  state.seq = state.seq + 1
  local correlation = ao.id .. ":" .. state.seq
  local tags = {
    { name = "Action", value = action },
    { name = "Correlation-Id", value = correlation },
  }
  -- A peer's program may have a health check of its own; `Info` is left to the caller, who may mean the program's.
  if action ~= "Info" and registry.isBuiltin(action) then tags[#tags + 1] = { name = shared.TAG, value = "1" } end
  local more = {}
  for key in pairs(options and options.tags or {}) do more[#more + 1] = key end
  table.sort(more)
  for _, key in ipairs(more) do tags[#tags + 1] = { name = key, value = tostring(options.tags[key]) } end
  local sent = ao.send({ Target = target, Data = text, Tags = tags })
  if continuation then
    state.open[correlation] = {
      target = target, name = name, action = action, continuation = continuation,
      reference = matching.reference(sent), chain = envelope.chain(), faultWhen = options and options.faultWhen,
      deadline = envelope.now() + (options and options.timeout or calls.timeout()),
      at = envelope.now(), counted = options and options.counted or nil,
      origin = Fleet.context and Fleet.context.id,
      key = Fleet.context and Fleet.context.key,
    }
    state.count = state.count + 1
    run.onFailure(function()
      if state.open[correlation] then
        state.open[correlation] = nil
        state.count = state.count - 1
      end
    end)
  end
  return correlation
end

--- Notes that the reply to a message comes later. A handler that returns nil after this is not answered yet.
-- @raise a failure `BUSY` when `PROCESS_CONFIG.maxConcurrentRequests` are under way
function calls.later(msg)
  local id = envelope.of(msg).id
  local deferred = store.calls.deferred
  if not deferred[id] and calls.deferred() >= calls.limit() then
    error(fail.new("BUSY", calls.limit() .. " requests are under way here already", "Send the request again later."))
  end
  if Fleet.context then Fleet.context.deferred = true end
  if deferred[id] then return nil end
  deferred[id] = {
    address = reply.address(msg),
    onceKey = Fleet.context and Fleet.context.onceKey,
    -- A chain of calls may take longer than one; whoever asked is answered in any case.
    deadline = envelope.now() + 4 * calls.timeout(),
  }
  run.onFailure(function() deferred[id] = nil end)
  return nil
end

local function settle(id, ok, text, tags)
  local deferred = store.calls.deferred
  local entry = deferred[id]
  deferred[id] = nil
  local finished = once.find(entry.onceKey or "")
  run.onFailure(function()
    deferred[id] = entry
    if entry.onceKey and finished then store.answered.byKey[entry.onceKey] = finished end
  end)
  reply.send(entry.address, ok, text, tags)
  run.aside("once", once.finish, entry.onceKey, ok, text, tags)
end

--- Answers a message whose reply was put off. A second answer is dropped and logged.
-- @tparam ?table tags further ones of the reply, by name
function calls.answer(msg, ok, text, tags)
  local id = envelope.of(msg).id
  if store.calls.deferred[id] then
    settle(id, ok, text, tags)
  else
    log.write("WARN", "a reply to " .. tostring(msg.Action) .. " was given twice, or never put off with fleet.later")
  end
end

-- What was asked for has happened where it was asked for, whatever becomes of the answer here.
local function unusable(call, data, raised, msg)
  local done = msg ~= nil and data.success == true
  return fail.new("INTERNAL", "the reply to " .. call.action .. " could not be used: " .. tostring(raised):sub(1, 300),
    (done and call.name .. " has done it; only here nothing was changed." or "Here nothing was changed.")
      .. " Tell the owner of the process; its LOGS have the details.",
    { doneBy = done and call.name or nil })
end

local function continue(call, data, msg, raw)
  local ok, raised, _, trace = run.protected(function()
    call.continuation(data, msg, raw)
  end, { id = call.origin, key = call.key })
  run.aside("stats", stats.ran, not ok and not fail.is(raised))
  if ok then return end
  local failure = raised
  if not fail.is(raised) then
    failure = unusable(call, data, raised, msg)
    Fleet.fault(call.action .. "-Response", trace or tostring(raised))
  end
  if call.origin and store.calls.deferred[call.origin] then settle(call.origin, false, reply.failure(failure)) end
end

local function failed(code, message, remedy)
  return { success = false, error = { code = code, message = message, remedy = remedy } }
end

local function close(correlation)
  local call = store.calls.open[correlation]
  store.calls.open[correlation] = nil
  store.calls.count = store.calls.count - 1
  return call
end

--- Hands a reply to the function that waits for it.
-- @tparam string correlation what `fleet.matching` found
function calls.receive(msg, correlation)
  local call = close(correlation)
  local data, raw = answers.read(call, msg)
  continue(call, data, msg, raw)
end

local function due(entries, now)
  local ids = {}
  for id, entry in pairs(entries) do
    if entry.deadline <= now then ids[#ids + 1] = id end
  end
  table.sort(ids)
  return ids
end

--- Gives up what waited too long. Runs at every message, whoever handles it: a process may get nothing but messages that the program's
-- own handlers take.
-- @tparam table msg the call that it answers, and who waits for that, are not given up, however late the answer is
function calls.expire(msg)
  local now, state = envelope.now(), store.calls
  local calling = due(state.open, now)
  local waiting = due(state.deferred, now)
  if #calling == 0 and #waiting == 0 then return end
  local answered = matching.find(msg)
  local asker = answered and state.open[answered].origin
  for _, correlation in ipairs(calling) do
    if state.open[correlation] and correlation ~= answered then
      local call = close(correlation)
      continue(call, failed("TIMEOUT", call.name .. " did not answer " .. call.action .. " in time", "Is it running? Send the request again."))
    end
  end
  for _, id in ipairs(waiting) do
    if state.deferred[id] and id ~= asker then
      settle(id, false, reply.failure(fail.new("TIMEOUT", "the answer took too long", "Send the request again.")))
    end
  end
end

--- Calls each open call that is `counted`: `fn(name, target, ms)`, with how long it has been open.
function calls.counted(fn)
  local now = envelope.now()
  for _, call in pairs(store.calls.open) do
    if call.counted then fn(call.name, call.target, math.max(0, now - call.at)) end
  end
end

--- Drops all open calls and answers those who wait with a failure.
function calls.cancel(failure)
  local state = store.calls
  state.open, state.count = {}, 0
  local ids = {}
  for id in pairs(state.deferred) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do settle(id, false, reply.failure(failure)) end
end

return calls
