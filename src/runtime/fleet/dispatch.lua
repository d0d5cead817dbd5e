--- The way of a message: recognised, allowed, read, run, answered. No input can make it raise.
local admission = require("fleet.admission")
local audit = require("fleet.audit")
local auth = require("fleet.auth")
local calls = require("fleet.calls")
local envelope = require("fleet.envelope")
local epoch = require("fleet.epoch")
local fail = require("fleet.fail")
local handlers = require("fleet.handlers")
local json = require("fleet.json")
local matching = require("fleet.matching")
local once = require("fleet.once")
local partition = require("fleet.partition")
local registry = require("fleet.registry")
local reply = require("fleet.reply")
local run = require("fleet.run")
local shared = require("fleet.shared")
local stats = require("fleet.stats")
local store = require("fleet.store")
local validate = require("fleet.validate")

local dispatch = {}

--- Bytes of Data that an action takes unless it says otherwise.
local MAX_BYTES = 1024 * 1024

local STOPPED = {
  RETIRED = { "GONE", "this process is retired", "Ask the fleet which process took its place." },
  DRAINING = { "DRAINING", "this process takes no new requests", "Send it again later; another revision may take over." },
}

local function readData(entry, msg)
  if entry.data == false then return json.object() end
  local text = envelope.of(msg).data
  if text == nil or text == "" then return json.object() end
  local most = entry.maxBytes or MAX_BYTES
  if type(text) ~= "string" then error(fail.new("BAD_JSON", "Data is no text", "Send a JSON object as Data.")) end
  if #text > most then
    error(fail.new("TOO_LARGE", string.format("Data has %d bytes, at most %d are taken", #text, most), "Send less at once."))
  end
  local data, problem = json.decode(text)
  if problem or type(data) ~= "table" then
    error(fail.new("BAD_JSON", "Data is not a JSON object: " .. (problem or "it is a " .. type(data)), "Send a JSON object as Data."))
  end
  return data
end

local function admit(entry, msg)
  if STOPPED[store.status] and not entry.always then
    error(fail.new(table.unpack(STOPPED[store.status])))
  end
  if not auth.allows(entry.who, msg) then
    error(fail.new("FORBIDDEN", entry.action .. " is not for this sender", string.format(
      "The sender is %s, the owner of the process %s: use the owner's wallet, or ask the owner for the right to send it.",
      tostring(msg.From), auth.owner())))
  end
  if not entry.always then
    partition.check(msg)
    admission.admit(entry, msg)
  end
  -- Before Data is read: a stale run learns that it is stale, whatever else it got wrong.
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
        "Correct the values at the paths named.",
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

-- The reply goes first: what the library writes down of a message that was handled is no reason to lose its answer.
local function answer(entry, to, ok, text, code, msg)
  if not entry.silent then reply.send(to, ok, text) end
  if guarded(entry) or (not ok and code == "FORBIDDEN") then
    run.aside("audit", audit.record, msg.From, entry.action, ok and "ok" or "refused", code)
  end
end

local function refuse(entry, to, failure, msg)
  run.aside("stats", stats.refused, failure.code)
  answer(entry, to, false, reply.failure(failure), failure.code, msg)
end

local function fault(entry, to, raised, msg, trace)
  local what = tostring(type(raised) == "table" and (raised.message or "a table was raised") or raised)
  local text = reply.failure(fail.new("INTERNAL", entry.action .. " failed: " .. what:sub(1, 300),
    "Its states are as they were before. Tell the owner of the process; its LOGS have the details."))
  answer(entry, to, false, text, "INTERNAL", msg)
  Fleet.fault(entry.action, trace or what)
end

local function handle(entry, msg)
  run.aside("stats", stats.count, entry.action)
  local to = reply.address(msg)
  local admitted, data = pcall(admit, entry, msg)
  if not admitted then
    if fail.is(data) then return refuse(entry, to, data, msg) end
    run.aside("stats", stats.ran, true)
    return fault(entry, to, data, msg)
  end
  local key
  if entry.once then
    key = once.key(auth.player(msg), entry.action, to.correlation)
    local earlier = once.find(key)
    if earlier then
      -- While the first one's reply is still to come there is nothing to repeat.
      if earlier.text and not entry.silent then reply.send(to, earlier.ok, earlier.text, earlier.tags) end
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
  end, { readonly = entry.readonly, id = envelope.of(msg).id, onceKey = key, key = partition.key(msg) })
  local faulty = not ok and not fail.is(raised)
  run.aside("stats", stats.ran, faulty)
  if ok and context.deferred then
    if guarded(entry) then run.aside("audit", audit.record, msg.From, entry.action, "ok", "DEFERRED") end
    return
  end
  if ok then
    run.aside("once", once.finish, key, true, text)
    return answer(entry, to, true, text, nil, msg)
  end
  if faulty then
    run.aside("once", once.forget, key)
    return fault(entry, to, raised, msg, trace)
  end
  run.aside("stats", stats.refused)
  text = reply.failure(raised)
  run.aside("once", once.finish, key, false, text)
  answer(entry, to, false, text, raised.code, msg)
end

local function isRequest(msg)
  local action = msg.Action
  return type(action) == "string" and action ~= "" and action ~= "Eval" and not reply.isResponse(action)
end

--- Whether the message is the fleet's to handle: a reply that is waited for, a declared action that the program has no handler of its
-- own for, or anything at all but the owner's Eval while the process takes nothing: what a handler of the program did now would be in no
-- state that was handed over.
function dispatch.matches(msg)
  if matching.find(msg) then return true end
  if STOPPED[store.status] then return not (msg.Action == "Eval" and msg.From == auth.owner()) end
  if not isRequest(msg) then return false end
  local entry = registry.find(msg.Action)
  return entry ~= nil and not shared.isPrograms(entry, msg)
end

--- The pattern of the first of all handlers, so that it sees every message: `matches`, after what the time of the message ends.
-- It is done here since aos empties the outbox after `ao.normalize`.
function dispatch.first(msg)
  run.aside("calls that wait too long", calls.expire, msg)
  return dispatch.matches(msg)
end

--- Handles what `first` took.
function dispatch.handle(msg)
  local call = matching.find(msg)
  if call then return calls.receive(msg, call) end
  local entry = registry.find(msg.Action)
  if entry then return handle(entry, msg) end
  stats.refused()
  if not isRequest(msg) then return end
  reply.send(reply.address(msg), false, reply.failure(fail.new(table.unpack(STOPPED[store.status]))))
end

--- What nothing else takes. A process that declares itself with `fleet.process` answers or drops it here; the inbox
-- of a program that knows nothing of the fleet stays its own.
function dispatch.matchesUnknown(msg)
  if type(msg.Action) ~= "string" or msg.Action == "" or msg.Action == "Eval" or msg.Tags.Type == "Process" then return false end
  if handlers.takes(msg) then return false end
  if store.process.declared then return true end
  return isRequest(msg) and "continue" or false
end

--- Answers an unknown action with `UNKNOWN_ACTION`; an answer that nobody waits for is dropped.
function dispatch.unknown(msg)
  -- What aos' own `msg.reply` made, and nobody waits for any more, is no request either.
  if not isRequest(msg) or envelope.tag(msg, "X-Reference") then return end
  stats.refused()
  reply.send(reply.address(msg), false, reply.failure(fail.new(
    "UNKNOWN_ACTION",
    "no action " .. msg.Action:sub(1, 64) .. " here",
    "Info lists the actions; they are matched exactly, upper and lower case too."
  )))
end

return dispatch
