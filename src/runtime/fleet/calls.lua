--- Calls to wired peers, and requests whose reply waits for one. Nothing blocks: the reply is another message,
-- and a call without a reply times out at the first message after its deadline, in scheduler time.
local answers = require("fleet.answer")
local auth = require("fleet.auth")
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

--- Maximum number of open calls of one process, which bounds its memory. One request may need many, such as a round over a fleet.
calls.MAX_OPEN = 4096

--- Time limit of a call in milliseconds: `PROCESS_CONFIG.requestTimeout`.
function calls.timeout()
  return config.get("PROCESS_CONFIG", "requestTimeout")
end

--- Maximum number of concurrent requests: `PROCESS_CONFIG.maxConcurrentRequests`. A process handles one message after
-- another, so a concurrent request is one that was deferred with `fleet.later` and not answered yet.
function calls.limit()
  return config.get("PROCESS_CONFIG", "maxConcurrentRequests")
end

--- Number of deferred requests.
function calls.deferred()
  local n = 0
  for _ in pairs(store.calls.deferred) do n = n + 1 end
  return n
end

--- Sends an action to a process and calls a function with the reply.
-- @tparam string target process id
-- @tparam string name its name in errors
-- @tparam string action
-- @tparam ?table data sent as JSON
-- @tparam ?function continuation `function(reply, msg, raw)`; reply is the answer's data as parsed by `fleet.answer`, or
--   `{ success = false, error = { code = "TIMEOUT" | "CANCELLED", … } }`; msg and raw ({ text, action, tags }) are nil without an answer
-- @tparam ?table options `tags`: further tags · `timeout`: ms · `text`: sent as Data instead of `data` · `faultWhen`: see `fleet.faults`
--   · `counted`: `calls.counted` includes it while it is open · `sender`: for whom, see `calls.counted`
--   · `forwards`: the call ends, and this function runs, if the request that it is for loses its place
-- @treturn string the correlation id
-- @raise a failure `BUSY` if too many calls are open
function calls.open(target, name, action, data, continuation, options)
  if type(target) ~= "string" or target == "" then error("calls.open: expected a process id, got " .. type(target), 0) end
  if type(action) ~= "string" or action == "" then error("calls.open: expected an action, got " .. type(action), 0) end
  local text = options and options.text or json.encode(data or json.object())
  local state = store.calls
  if continuation and state.count >= calls.MAX_OPEN then
    error(fail.new("BUSY", "this process already has " .. state.count .. " open calls", "Send the request again later."))
  end
  state.seq = state.seq + 1
  local correlation = ao.id .. ":" .. state.seq
  local tags = {
    { name = "Action", value = action },
    { name = "Correlation-Id", value = correlation },
  }
  -- A peer's program may have its own health check; for `Info`, the caller decides whether it means the program's.
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
      at = envelope.now(), counted = options and options.counted or nil, sender = options and options.sender,
      forwards = options and options.forwards,
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

local function settle(id, ok, text, tags)
  local deferred = store.calls.deferred
  local entry = deferred[id]
  deferred[id] = nil
  run.onFailure(function()
    deferred[id] = entry
    if entry.onceKey then once.reopen(entry.onceKey) end
  end)
  reply.send(entry.address, ok, text, tags)
  run.aside("once", once.finish, entry.onceKey, ok, text, tags)
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

-- Whose request a deferred one is; requests that an earlier version deferred have only the address.
local function senderOf(entry)
  return entry.sender or tostring(entry.address.target)
end

-- How many deferred requests each sender has, and the sender with the most.
local function held()
  local counts, most = {}, nil
  for _, entry in pairs(store.calls.deferred) do
    local sender = senderOf(entry)
    counts[sender] = (counts[sender] or 0) + 1
  end
  for sender, n in pairs(counts) do
    if not most or n > counts[most] or n == counts[most] and sender < most then most = sender end
  end
  return counts, most
end

local function oldestOf(sender)
  local oldest
  for id, entry in pairs(store.calls.deferred) do
    if senderOf(entry) == sender then
      local other = oldest and store.calls.deferred[oldest]
      local order, least = entry.order or 0, other and (other.order or 0)
      if not other or order < least or order == least and id < oldest then oldest = id end
    end
  end
  return oldest
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

-- A full process serves every sender: the one with most open requests loses its oldest to one that has clearly fewer.
local function makeRoom(sender)
  local counts, most = held()
  if most and counts[most] > (counts[sender] or 0) + 1 then return drop(oldestOf(most)) end
  error(fail.new("BUSY", "this process already has " .. calls.limit() .. " open requests", "Send the request again later."))
end

--- Defers the reply to a message. A handler that returns nil after this is not answered yet.
-- @raise a failure `BUSY` if `PROCESS_CONFIG.maxConcurrentRequests` requests are deferred, and no sender has more of them than this one
function calls.later(msg)
  local id = envelope.of(msg).id
  local state = store.calls
  local deferred = state.deferred
  local sender = tostring(auth.player(msg))
  if not deferred[id] and calls.deferred() >= calls.limit() then makeRoom(sender) end
  if Fleet.context then Fleet.context.deferred = true end
  if deferred[id] then return nil end
  state.order = (state.order or 0) + 1
  deferred[id] = {
    address = reply.address(msg), sender = sender, order = state.order,
    onceKey = Fleet.context and Fleet.context.onceKey,
    -- A chain of calls may take longer than one call; the requester is answered in any case.
    deadline = envelope.now() + 4 * calls.timeout(),
  }
  run.onFailure(function() deferred[id] = nil end)
  return nil
end

-- The peer has performed the action, whatever happens with its answer here.
local function unusable(call, data, raised, msg)
  local done = msg ~= nil and data.success == true
  return fail.new("INTERNAL", "cannot process the reply to " .. call.action .. ": " .. tostring(raised):sub(1, 300),
    (done and call.name .. " has performed it, but nothing was changed in this process." or "Nothing was changed in this process.")
      .. " Tell the owner of the process; its LOGS have the details.",
    { doneBy = done and call.name or nil })
end

local function continue(call, data, msg, raw)
  local ok, raised, _, trace = run.protected(function()
    call.continuation(data, msg, raw)
  end, { id = call.origin, key = call.key })
  run.aside("stats", stats.ran, not ok and not fail.is(raised), call.target, "members")
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

--- Passes a reply to its continuation.
-- @tparam string correlation as found by `fleet.matching`
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

--- Times out calls and requests that have waited too long. Runs at every message, whoever handles it, because a process may only get
-- messages for the program's own handlers.
-- @tparam table msg the call that it answers, and the request that waits for that call, do not time out, however late the answer is
function calls.expire(msg)
  local now, state = envelope.now(), store.calls
  local calling = due(state.open, now)
  local waiting = due(state.deferred, now)
  if #calling == 0 and #waiting == 0 then return end
  local answered = matching.find(msg) or matching.byChain(msg)
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
