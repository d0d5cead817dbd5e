--- Calls to wired peers, and requests whose reply waits for one. Nothing blocks: the reply is another message,
-- and a call without a reply times out at the first message after its deadline, in scheduler time.
local answers = require("fleet.answer")
local auth = require("fleet.auth")
local author = require("fleet.author")
local callers = require("fleet.callers")
local config = require("fleet.config")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local json = require("fleet.json")
local log = require("fleet.log")
local matching = require("fleet.matching")
local once = require("fleet.once")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local room = require("fleet.call-room")
local run = require("fleet.run")
local sendable = require("fleet.sendable")
local sentFor = require("fleet.sent-for")
local shared = require("fleet.shared")
local slots = require("fleet.slots")
local stats = require("fleet.stats")
local store = require("fleet.store")

local calls = {}

--- Maximum number of open calls of one process, which bounds its memory. One request may need many, such as a round over a fleet.
calls.MAX_OPEN = 4096

--- Time limit of a call in milliseconds: `PROCESS_CONFIG.requestTimeout`.
function calls.timeout()
  return config.get("PROCESS_CONFIG", "requestTimeout")
end

-- The earliest deadline: nothing is due before it, so most messages need not look at the calls.
local function dueAt(deadline)
  local state = store.calls
  state.due = math.min(state.due or 0, deadline)
end

--- Sends an action to a process and calls a function with the reply.
-- @tparam string target process id
-- @tparam string name its name in errors
-- @tparam string action
-- @tparam ?table data sent as JSON
-- @tparam ?function continuation `function(reply, msg, raw)`; reply is the answer's data as parsed by `fleet.answer`, or
--   `{ success = false, error = { code = "TIMEOUT" | "CANCELLED", … } }`; msg and raw ({ text, action, tags }) are nil without an answer
-- @tparam ?table options `tags`: further tags, without those by which an answer names its request, which may be copied from a message · `timeout`: ms · `text`: sent as Data instead of `data` · `faultWhen`: see `fleet.faults`
--   · `counted`: `calls.counted` includes it while it is open · `sender`: for whom, see `calls.counted`
--   · `forwards`: the call ends, and this function runs, if the request that it is for loses its place
-- @treturn string the correlation id
-- @raise a failure `BUSY` if too many calls are open, `TOO_LARGE` if the network cannot carry the request
function calls.open(target, name, action, data, continuation, options)
  if type(target) ~= "string" or target == "" then error("calls.open: expected a process id, got " .. type(target), 0) end
  if type(action) ~= "string" or action == "" then error("calls.open: expected an action, got " .. type(action), 0) end
  local text = options and options.text or json.encode(data or json.object())
  local state, by = store.calls, room.asker()
  if continuation then room.check(by, calls.MAX_OPEN) end
  state.seq = state.seq + 1
  local isPlain = matching.hasNoLibrary(name, target)
  local correlation = matching.correlation(state.seq, isPlain)
  local tags = {
    { name = "Action", value = action },
    { name = "Correlation-Id", value = correlation },
  }
  local request, given = author.now(), options and options.tags or {}
  -- A call on behalf of a sender names it already.
  if request.class == "others" and not given["On-Behalf-Of"] then tags[#tags + 1] = { name = author.TAG, value = request.by } end
  -- A peer's program may have its own health check; for `Info`, the caller decides whether it means the program's.
  if action ~= "Info" and registry.isBuiltin(action) then tags[#tags + 1] = { name = shared.TAG, value = "1" } end
  local more = {}
  for key in pairs(given) do
    if not matching.IDS[tostring(key):lower()] then more[#more + 1] = key end
  end
  table.sort(more)
  for _, key in ipairs(more) do tags[#tags + 1] = { name = key, value = tostring(given[key]) } end
  for _, tag in ipairs(isPlain and matching.tags(correlation) or {}) do tags[#tags + 1] = tag end
  sendable.check(tags, text)
  -- A response to the process itself is both the call and its answer.
  local own = target == ao.id and reply.isResponse(action) and tostring(state.seq) or nil
  local outgoing = { Target = target, Data = text, Tags = tags }
  local sent
  if own then
    sent = sentFor.with({ from = sentFor.OWN, reference = own }, ao.send, outgoing)
  else
    sent = ao.send(outgoing)
  end
  if continuation then
    state.open[correlation] = {
      target = target, name = name, action = action, continuation = continuation,
      reference = sentFor.number(type(sent) == "table" and sent.Tags), repeats = isPlain and correlation or nil, chain = envelope.chain(), faultWhen = options and options.faultWhen,
      deadline = envelope.now() + (options and options.timeout or calls.timeout()),
      at = envelope.now(), counted = options and options.counted or nil, sender = options and options.sender,
      forwards = options and options.forwards, by = by, author = request,
      origin = Fleet.context and Fleet.context.id,
      key = Fleet.context and Fleet.context.key,
      sentFor = sentFor.request(), own = own,
    }
    state.count = state.count + 1
    if Fleet.context then Fleet.context.calls = true end
    dueAt(state.open[correlation].deadline)
    run.onFailure(function()
      if state.open[correlation] then
        state.open[correlation] = nil
        state.count = state.count - 1
      end
    end)
  end
  return correlation
end

local function finish(entry, ok, text, tags)
  run.onFailure(function()
    if entry.onceKey then once.reopen(entry.onceKey) end
  end)
  reply.send(entry.address, ok, text, tags)
  run.aside("once", once.finish, entry.onceKey, ok, text, tags)
  if ok and entry.sender and entry.rank ~= callers.FLEET then run.aside("callers", callers.note, entry.sender) end
end

local function settle(id, ok, text, tags)
  local entry = slots.change(id, nil)
  author.as(entry.author, finish, entry, ok, text, tags)
end

--- Answers a deferred message. A second answer is dropped and logged.
-- @tparam ?table tags further tags of the reply, by name
function calls.answer(msg, ok, text, tags)
  local id = envelope.of(msg).id
  if store.calls.deferred[id] then
    settle(id, ok, text, tags)
  else
    log.write("WARN", "a second reply to " .. tostring(msg.Action) .. ", or one that was not deferred with fleet.later")
  end
end

-- Calls that only forward the request end with it; others still get their reply, because a program may have to complete what it began.
local function drop(id)
  local state = store.calls
  for correlation, call in pairs(state.open) do
    if call.origin == id and call.forwards then
      state.open[correlation], state.count = nil, state.count - 1
      run.onFailure(function() state.open[correlation], state.count = call, state.count + 1 end)
      call.forwards()
    end
  end
  settle(id, false, reply.failure(fail.new("BUSY", "this process has no place for more open requests, and you have the most",
    "Check whether the request was performed before you send it again, and keep fewer requests open.")))
end

local function makeRoom(asker)
  local full, id = slots.full(asker)
  while full do
    if not id then
      local count, bytes = slots.count()
      local held = count >= slots.limit() and count .. " open requests" or bytes .. " bytes of open requests"
      room.busy("this process already has " .. held)
    end
    drop(id)
    full, id = slots.full(asker)
  end
end

--- Defers the reply to a message. A handler that returns nil after this is not answered yet.
-- @tparam table msg
-- @tparam ?table options `group`: what it waits for, such as a service (default: its action), because no group gets all places · `bytes`: of Data
--   that are kept until the answer (default: those of the message, because a continuation may refer to it)
-- @raise a failure `BUSY` if `PROCESS_CONFIG.maxConcurrentRequests` requests are deferred, or they keep too many bytes, and none of them has
--   to go for this one: see `fleet.slots`
function calls.later(msg, options)
  local id, state, context = envelope.of(msg).id, store.calls, Fleet.context
  if state.deferred[id] then
    if context then context.deferred = true end
    return nil
  end
  local now, data = envelope.now(), envelope.of(msg).data
  local entry = {
    sender = tostring(auth.player(msg)), rank = callers.rank(msg), at = now,
    group = options and options.group or cut(tostring(msg.Action), sendable.ACTION),
    bytes = options and options.bytes or type(data) == "string" and #data or 0,
    address = reply.address(msg), onceKey = context and context.onceKey, author = author.now(),
    -- A chain of calls may take longer than one call; the requester is answered in any case.
    deadline = now + 4 * calls.timeout(),
  }
  makeRoom(entry)
  state.order = (state.order or 0) + 1
  entry.order = state.order
  slots.change(id, entry)
  dueAt(entry.deadline)
  -- A handler that catches the failure BUSY answers by itself.
  if context then context.deferred = true end
  return nil
end

-- The peer has performed the action, whatever happens with its answer here. What the request changed before it waited, and globals that
-- this reply changed, stay as well.
local function unusable(call, data, raised, msg)
  local done = msg ~= nil and data.success == true
  return fail.new("INTERNAL", "cannot process the reply to " .. call.action .. ": " .. cut(tostring(raised), 300),
    (done and call.name .. " has performed it, and the" or "The") .. " request may have changed this process before. Check that before you send it"
      .. " again, and tell the owner of the process; its LOGS have the details.",
    { doneBy = done and call.name or nil })
end

local function resume(call, data, msg, raw)
  local ok, raised, _, trace = run.protected(function()
    call.continuation(data, msg, raw)
  end, { id = call.origin, key = call.key, by = call.by, continues = true, sentFor = call.sentFor })
  run.aside("stats", stats.ran, not ok and not fail.is(raised), author.now())
  if ok then return end
  local failure = raised
  if not fail.is(raised) then
    failure = unusable(call, data, raised, msg)
    Fleet.fault(call.action .. "-Response", trace or tostring(raised))
  end
  if call.origin and store.calls.deferred[call.origin] then settle(call.origin, false, reply.failure(failure)) end
end

local function continue(call, ...)
  author.as(author.ofCall(call), resume, call, ...)
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

--- Passes a reply to its continuation.
-- @tparam string correlation as found by `fleet.matching`
function calls.receive(msg, correlation)
  local call = close(correlation)
  local data, raw = answers.read(call, msg)
  continue(call, data, msg, raw)
end

local function due(entries, now)
  local ids, earliest = {}, math.huge
  for id, entry in pairs(entries) do
    if entry.deadline <= now then ids[#ids + 1] = id else earliest = math.min(earliest, entry.deadline) end
  end
  table.sort(ids)
  return ids, earliest
end

--- Times out calls and requests that have waited too long. Runs at every message, whoever handles it, because a process may only get
-- messages for the program's own handlers.
-- @tparam table msg the call that it answers, and the request that waits for that call, do not time out, however late the answer is
function calls.expire(msg)
  local now, state = envelope.now(), store.calls
  if now < (state.due or 0) then return end
  local calling, nextCall = due(state.open, now)
  local waiting, nextWait = due(state.deferred, now)
  -- Those that are due and stay, because this message answers them, are looked at again with the next message.
  state.due = (#calling > 0 or #waiting > 0) and now or math.min(nextCall, nextWait)
  if #calling == 0 and #waiting == 0 then return end
  local answered = matching.find(msg) or matching.unnamed(msg)
  local asker = answered and state.open[answered].origin
  for _, correlation in ipairs(calling) do
    if state.open[correlation] and correlation ~= answered then
      local call = close(correlation)
      continue(call, failed("TIMEOUT", call.name .. " did not answer " .. call.action .. " in time",
        call.name .. " may have performed it. Check that before you send the request again."))
    end
  end
  for _, id in ipairs(waiting) do
    if state.deferred[id] and id ~= asker then
      settle(id, false, reply.failure(fail.new("TIMEOUT", "the answer took too long",
        "The request may have been performed. Check that before you send it again.")))
    end
  end
end

--- Calls `fn(name, target, ms, sender)` for each open call that is `counted`, with its age.
function calls.counted(fn)
  local now = envelope.now()
  for _, call in pairs(store.calls.open) do
    if call.counted then fn(call.name, call.target, math.max(0, now - call.at), call.sender) end
  end
end

--- Drops all open calls and answers waiting requests with a failure.
function calls.cancel(failure)
  local state = store.calls
  state.open, state.count = {}, 0
  local ids = {}
  for id in pairs(state.deferred) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do settle(id, false, reply.failure(failure)) end
end

return calls
