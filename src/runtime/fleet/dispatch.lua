--- Handles a message: match, authorise, parse, run, answer. Never raises an error, whatever the input.
local admission = require("fleet.admission")
local audit = require("fleet.audit")
local auth = require("fleet.auth")
local author = require("fleet.author")
local callers = require("fleet.callers")
local calls = require("fleet.calls")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local epoch = require("fleet.epoch")
local exportParts = require("fleet.export-parts")
local fail = require("fleet.fail")
local handlers = require("fleet.handlers")
local json = require("fleet.json")
local matching = require("fleet.matching")
local once = require("fleet.once")
local replyLimits = require("fleet.reply-limits")
local partition = require("fleet.partition")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local run = require("fleet.run")
local seen = require("fleet.seen")
local sentFor = require("fleet.sent-for")
local shared = require("fleet.shared")
local stats = require("fleet.stats")
local store = require("fleet.store")
local undo = require("fleet.undo")
local results = require("fleet.handler-results")
local validate = require("fleet.validate")

local dispatch = {}

--- Maximum bytes of Data, unless the action sets another limit.
dispatch.MAX_BYTES = 1024 * 1024

local STOPPED = {
  RETIRED = { "GONE", "this process is retired", "Ask the fleet which process replaced it." },
  DRAINING = { "DRAINING", "this process accepts no new requests", "Send it again later; another revision may take over." },
}

-- A read that looks forbidden would be taken for a secret.
local NOT_SECRET = " This only limits who makes the process send it: the state of a process is public, and a dry run reads it."

-- Why this process handles no requests, or not this one to a declared action, or nil. While it drains, it still says what it would have answered: a dry run
-- changes nothing, and a judge compares the new revision with it.
-- @tparam ?table entry the declaration of the action
local function stopped(entry, msg)
  if store.status == "DRAINING" and envelope.isDryRun() then return nil end
  return STOPPED[store.status] or entry and exportParts.refusal(entry, msg)
end

local function readData(entry, msg)
  if entry.read then return entry.read(msg) end
  if entry.data == false then return json.object() end
  local text = envelope.of(msg).data
  if text == nil or text == "" then return json.object() end
  local most = entry.maxBytes or dispatch.MAX_BYTES
  if type(text) ~= "string" then error(fail.new("BAD_JSON", "Data is not a string", "Send a JSON object as Data.")) end
  if #text > most then
    error(fail.new("TOO_LARGE", string.format("Data has %d bytes, the limit is %d", #text, most), "Send less data."))
  end
  local data, problem = json.decode(text)
  if problem or type(data) ~= "table" then
    error(fail.new("BAD_JSON", "Data is not a JSON object: " .. (problem or "it is a " .. type(data)), "Send a JSON object as Data."))
  end
  return data
end

-- Anyone can post the bytes of a control message again. It must not count twice, also if it was refused the first time.
local function keepControl(entry, msg)
  if not (entry.control or entry.epoch) or not seen.isNeeded() or not auth.allows(entry.who, msg) then return end
  seen.keepControl(envelope.of(msg).id, epoch.parse(envelope.tag(msg, "Epoch")))
end

local function admit(entry, msg)
  keepControl(entry, msg)
  local why = not entry.always and stopped(entry, msg)
  if why then error(fail.new(table.unpack(why))) end
  if not auth.allows(entry.who, msg) then
    error(fail.new("FORBIDDEN", entry.action .. " is not allowed for this sender", string.format(
      "The sender is %s, the owner of the process is %s: use the owner's wallet, or ask the owner for permission.%s",
      tostring(msg.From), auth.owner(), entry.readonly and NOT_SECRET or "")))
  end
  if not entry.always then
    partition.check(msg)
    admission.admit(entry, msg)
  end
  -- Before Data is parsed, so that a stale run gets STALE_EPOCH whatever other errors it has.
  local n = (entry.control or entry.epoch) and epoch.check(msg, not entry.control) or nil
  local data = readData(entry, msg)
  if entry.schema then
    local problems = validate.check(data, entry.schema, entry.strict)
    if #problems > 0 then
      local first = problems[1]
      error(fail.new(
        "INVALID_DATA",
        string.format("%s: %s is %s, expected %s%s", entry.action, first.path, first.got, first.expected,
          #problems > 1 and string.format(" (and %d more)", #problems - 1) or ""),
        "Fix the values at these paths.",
        { problems = problems }
      ))
    end
  end
  epoch.raise(n)
  return data
end

local function guarded(entry)
  return entry.control or (entry.who ~= nil and entry.who ~= "anyone") and not entry.readonly
end

-- The reply is sent first, so that an error in the library's own records does not lose it.
local function answer(entry, to, ok, text, code, msg)
  if not entry.silent then reply.send(to, ok, text) end
  if guarded(entry) or (not ok and code == "FORBIDDEN") then
    run.aside("audit", audit.record, msg, entry.action, ok and "ok" or "refused", code)
  end
end

local function countRefusal(msg, code)
  local by = author.of(envelope.of(msg))
  stats.refused(code, by.by, by.class)
end

local function refuse(entry, to, failure, msg)
  run.aside("stats", countRefusal, msg, failure.code)
  answer(entry, to, false, reply.failure(failure), failure.code, msg)
end

local function fault(entry, to, raised, msg, trace)
  local what = tostring(type(raised) == "table" and (raised.message or "the error value is a table") or raised)
  local text = reply.failure(fail.new("INTERNAL", entry.action .. " failed: " .. cut(what, 300),
    "The states are unchanged. Tell the owner of the process; its LOGS have the details."))
  answer(entry, to, false, text, "INTERNAL", msg)
  Fleet.fault(entry.action, trace or what)
end

local function perform(entry, msg)
  run.aside("stats", stats.count, entry.action)
  local to = reply.address(msg)
  if (entry.builtin or stopped(entry, msg)) and not replyLimits.own(msg) then to.target = nil end
  local admitted, data = pcall(admit, entry, msg)
  if not admitted then
    if fail.is(data) then return refuse(entry, to, data, msg) end
    run.aside("stats", stats.ran, true, author.now())
    return fault(entry, to, data, msg)
  end
  local key
  if entry.once then
    key = once.key(auth.player(msg), entry.onceAs and entry.onceAs(msg) or entry.action, to.correlation)
    local earlier = once.find(key)
    if earlier then
      if not entry.silent then once.answer(earlier, to) end
      return
    end
    once.begin(key)
  end
  local text
  local ok, raised, context, trace = run.protected(function()
    local result = entry.handler(data, msg)
    if Fleet.context.deferred then return end
    if result ~= nil and type(result) ~= "table" then
      error("the handler of " .. entry.action .. " returned a " .. type(result) .. ", not a table", 0)
    end
    text = reply.success(result)
  end, {
    readonly = entry.readonly, id = envelope.of(msg).id, onceKey = key, key = partition.key(msg), by = auth.player(msg),
  })
  local faulty = not ok and not fail.is(raised)
  run.aside("stats", stats.ran, faulty, author.now())
  if ok and context.deferred then
    if guarded(entry) then run.aside("audit", audit.record, msg, entry.action, "ok", "DEFERRED") end
    return
  end
  if ok then
    -- For whom the process calls others again: see `fleet.callers`.
    if context.calls and auth.class(msg) == "others" then run.aside("callers", callers.note, tostring(auth.player(msg))) end
    run.aside("once", once.finish, key, true, text)
    return answer(entry, to, true, text, nil, msg)
  end
  if faulty then
    run.aside("once", once.forget, key)
    return fault(entry, to, raised, msg, trace)
  end
  -- It changed nothing, so it takes no place among those that are not run again.
  run.aside("once", once.forget, key)
  refuse(entry, to, raised, msg)
end

local function handle(entry, msg)
  author.as(author.of(envelope.of(msg)), perform, entry, msg)
end

--- Adds a way in that is not recognised by its action: see `registry.way`. Every handler of the library that takes requests is one.
-- @tparam function matches of a message
function dispatch.way(name, matches, entry)
  registry.way(name, entry)
  handlers.add(name, matches, function(msg) handle(entry, msg) end)
end

local function isRequest(msg)
  local action = msg.Action
  return type(action) == "string" and action ~= "" and action ~= "Eval" and not reply.isResponse(action)
end

-- The entry of an action that the library handles, and whether the program's handlers come first.
local function entryOf(msg)
  local entry = isRequest(msg) and registry.find(msg.Action) or nil
  return entry, entry ~= nil and shared.isOffered(entry, msg)
end

-- Why the program's handlers must not get a message, or nil: while the process is draining or retired, or the message's key is sealed, because their
-- changes would be lost in a hand-over. The owner's Eval is for aos.
local function closed(msg)
  if msg.Action == "Eval" and msg.From == auth.owner() then return nil end
  local why = stopped()
  return why and fail.new(table.unpack(why)) or partition.refusal(msg)
end

--- Whether the program's handlers must not get a message.
function dispatch.isClosed(msg)
  return closed(msg) ~= nil
end

--- The pattern of the very first handler, which sees every message: one that was handled before, an awaited reply, a declared action, or what the program's
-- handlers must not get.
-- Calls are timed out here because aos empties the outbox after `ao.normalize`.
function dispatch.first(msg)
  if envelope.isRepeated(msg) then return true end
  run.aside("the request of a message", sentFor.begin, msg)
  author.as(author.own(), run.aside, "calls that wait too long", calls.expire, msg)
  local entry, isOffered = entryOf(msg)
  results.begin(msg, isOffered and entry.action or nil)
  if matching.find(msg) then return true end
  if next(store.partitioned) then envelope.of(msg).key = partition.key(msg) end
  local isOurs = entry ~= nil and not isOffered or dispatch.isClosed(msg)
  if not isOurs then
    -- A message that no handler takes changes nothing but what patterns do to globals.
    undo.mayRun()
    if msg.Action == "Eval" and msg.From == auth.owner() or not results.isInstalled() then undo.mayChange() end
  end
  return isOurs
end

-- A caller that lost the answer of an action that runs once may send the same bytes again. Processes do not.
local function answerAgain(msg)
  if msg.Owner ~= msg.From or stopped() then return end
  local entry, to = registry.find(msg.Action), reply.address(msg)
  local isForwarded = (envelope.tag(msg, "Service") or "") ~= ""
  if not isForwarded and not (entry and entry.once and not entry.silent) then return end
  local action = isForwarded and "Service/" .. tostring(msg.Action) or entry.action
  local earlier = once.find(once.key(auth.player(msg), action, to.correlation))
  if earlier then once.answer(earlier, to) end
end

--- Handles a message that `first` matched.
function dispatch.handle(msg)
  if envelope.isRepeated(msg) then return answerAgain(msg) end
  local call = matching.find(msg) or matching.unnamed(msg)
  if call then return calls.receive(msg, call) end
  local entry = registry.find(msg.Action)
  if entry then return handle(entry, msg) end
  local failure = closed(msg)
  countRefusal(msg, failure.code)
  if not isRequest(msg) or not replyLimits.own(msg) then return end
  reply.send(reply.address(msg), false, reply.failure(failure))
end

--- The pattern of the very last handler, for messages that no handler of the program took: a reply that only its chain identifies, a
-- built-in action, an unknown one. A process that uses `fleet.process` answers or drops the latter here; for other programs they go to the
-- inbox.
function dispatch.matchesLast(msg)
  if envelope.isRepeated(msg) then return true end
  if msg.Action == "Eval" or msg.Tags.Type == "Process" then return false end
  if matching.unnamed(msg) then return true end
  if entryOf(msg) then return not results.isAnswered(msg) end
  if type(msg.Action) ~= "string" or msg.Action == "" or results.isHandled(msg) then return false end
  if store.process.declared then return true end
  return isRequest(msg) and "continue" or false
end

--- Handles a message that `matchesLast` matched: answers an unknown action with `UNKNOWN_ACTION` if a person, or a process by the fleet's
-- protocol, asked for it; drops an answer that is not awaited.
function dispatch.last(msg)
  if envelope.isRepeated(msg) then return answerAgain(msg) end
  local call = matching.unnamed(msg)
  if call then return calls.receive(msg, call) end
  local entry = entryOf(msg)
  if entry then return handle(entry, msg) end
  -- A reply from aos' own `msg.reply` that is no longer awaited is not a request either.
  if not isRequest(msg) or envelope.tag(msg, "X-Reference") then return end
  countRefusal(msg, "UNKNOWN_ACTION")
  if not replyLimits.own(msg, true) then return end
  local failure = fail.new("UNKNOWN_ACTION", "unknown action " .. cut(msg.Action, 64), "Info lists the actions; they are case-sensitive.")
  reply.send(reply.address(msg), false, reply.failure(failure))
end

return dispatch
