--- Calls to wired peers, and requests whose reply has to wait for one. Nothing blocks: the reply is another message,
-- and what does not come is given up at the first message after its time, by scheduler time.
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local json = require("fleet.json")
local log = require("fleet.log")
local once = require("fleet.once")
local reply = require("fleet.reply")
local run = require("fleet.run")
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
-- @tparam ?function continuation `function(reply, msg)`; reply is the data of the answer, or
--   `{ success = false, error = { code = "TIMEOUT" | "BAD_REPLY" | "CANCELLED", … } }`; msg is nil unless it came
-- @tparam ?table options `tags`: further tags · `timeout`: ms
-- @treturn string the correlation id
-- @raise a failure `BUSY` when too many calls are open
function calls.open(target, name, action, data, continuation, options)
  if type(target) ~= "string" or target == "" then error("a call needs the id of a process, not " .. type(target), 0) end
  if type(action) ~= "string" or action == "" then error("a call needs an action, not " .. type(action), 0) end
  local text = json.encode(data or json.object())
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
  local more = {}
  for key in pairs(options and options.tags or {}) do more[#more + 1] = key end
  table.sort(more)
  for _, key in ipairs(more) do tags[#tags + 1] = { name = key, value = tostring(options.tags[key]) } end
  ao.send({ Target = target, Data = text, Tags = tags })
  if continuation then
    state.open[correlation] = {
      target = target, name = name, action = action, continuation = continuation,
      deadline = envelope.now() + (options and options.timeout or calls.timeout()),
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

local function settle(id, ok, text)
  local deferred = store.calls.deferred
  local entry = deferred[id]
  deferred[id] = nil
  local finished = once.find(entry.onceKey or "")
  run.onFailure(function()
    deferred[id] = entry
    if entry.onceKey and finished then store.answered.byKey[entry.onceKey] = finished end
  end)
  once.finish(entry.onceKey, ok, text)
  reply.send(entry.address, ok, text)
end

--- Answers a message whose reply was put off. A second answer is dropped and logged.
function calls.answer(msg, ok, text)
  local id = envelope.of(msg).id
  if store.calls.deferred[id] then
    settle(id, ok, text)
  else
    log.write("WARN", "a reply to " .. tostring(msg.Action) .. " was given twice, or never put off with fleet.later")
  end
end

local function continue(call, data, msg)
  local ok, raised, _, trace = run.protected(function()
    call.continuation(data, msg)
  end, { id = call.origin, key = call.key })
  stats.ran(not ok and not fail.is(raised))
  if ok then return end
  local failure = raised
  if not fail.is(raised) then
    failure = fail.new("INTERNAL", "the reply to " .. call.action .. " could not be used: " .. tostring(raised):sub(1, 300),
      "Nothing was changed. Tell the owner of the process; its LOGS have the details.")
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

--- Whether a message is the reply to an open call of ours: by its correlation id and by who sent it.
function calls.isReply(msg)
  if not reply.isResponse(msg.Action) then return false end
  local call = store.calls.open[envelope.tag(msg, "Correlation-Id") or ""]
  return call ~= nil and call.target == msg.From
end

--- Hands a reply to the function that waits for it.
function calls.receive(msg)
  local call = close(envelope.tag(msg, "Correlation-Id"))
  local data, problem = json.decode(envelope.of(msg).data)
  if type(data) ~= "table" then
    data = failed("BAD_REPLY", call.name .. " answered " .. call.action .. " with no JSON: " .. tostring(problem), "Look at its program.")
  elseif (msg.Action == "Error-Response" or data.success == false) and not (type(data.error) == "table" and type(data.error.code) == "string") then
    data = failed("BAD_REPLY", call.name .. " answered " .. call.action .. " with an error of no known shape", "Look at its program.")
  end
  continue(call, data, msg)
end

local function due(entries, now)
  local ids = {}
  for id, entry in pairs(entries) do
    if entry.deadline <= now then ids[#ids + 1] = id end
  end
  table.sort(ids)
  return ids
end

--- Gives up what waited too long. Runs at every message.
function calls.expire()
  local now, state = envelope.now(), store.calls
  if state.count > 0 then
    for _, correlation in ipairs(due(state.open, now)) do
      if state.open[correlation] then
        local call = close(correlation)
        continue(call, failed("TIMEOUT", call.name .. " did not answer " .. call.action .. " in time", "Is it running? Send the request again."))
      end
    end
  end
  if next(state.deferred) ~= nil then
    for _, id in ipairs(due(state.deferred, now)) do
      if state.deferred[id] then
        settle(id, false, reply.failure(fail.new("TIMEOUT", "the answer took too long", "Send the request again.")))
      end
    end
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
