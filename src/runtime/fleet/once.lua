--- Requests that run at most once: a request with the correlation id, sender and action of one that was performed, or is being performed,
-- does not run again. Each sender has places of its own (see `fleet.marks`), and a refused request takes none, because it changed nothing.
--
-- That a request was performed is remembered for far longer than its reply: a sender's latest REPLIES_OF_ONE replies are kept, BYTES_OF_ONE
-- of them in bytes, REPLIES and BYTES of all senders together. A repeat whose reply is gone is answered with `ALREADY_DONE`.
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local marks = require("fleet.marks")
local reply = require("fleet.reply")
local roles = require("fleet.roles")
local store = require("fleet.store")

local once = {}

local REPLIES_OF_ONE, BYTES_OF_ONE = 256, 64 * 1024
local REPLIES, BYTES = 4096, 4 * 1024 * 1024

-- marks: of requests that were performed or run · replies: key → { ok, text, tags?, size, place }, or { pending = true } · of: sender →
-- { bytes, keys with a reply, oldest first } · order: place → key, of all senders, from `first` to before `next`, with gaps
store.once = store.once or { marks = marks.new(), replies = {}, of = {}, order = {}, first = 1, next = 1, bytes = 0, count = 0 }

local function senderOf(key)
  return key:match("^[^\n]*")
end

--- The key that identifies a request.
function once.key(sender, action, correlation)
  return sender .. "\n" .. action .. "\n" .. correlation
end

--- The earlier run: { ok, text, tags? }, { pending = true } until it is answered, or { lost = true } if its reply is not kept any more.
-- @tparam string key
function once.find(key)
  local kept = store.once
  return kept.replies[key] or marks.has(kept.marks, senderOf(key), key) and { lost = true } or nil
end

--- Repeats the reply of an earlier run, if there is one yet.
-- @tparam table to the address of the repeated request
function once.answer(earlier, to)
  if earlier.text then return reply.send(to, earlier.ok, earlier.text, earlier.tags) end
  if not earlier.lost then return end
  reply.send(to, false, reply.failure(fail.new("ALREADY_DONE", "this request was already performed; its reply is not kept any more",
    "Read the state to see its effect. For another request, use another Correlation-Id.")))
end

-- Removes a reply, not the mark.
local function forgetReply(key)
  local kept = store.once
  local entry = kept.replies[key]
  kept.replies[key] = nil
  if not entry or entry.pending then return end
  kept.count, kept.bytes, kept.order[entry.place] = kept.count - 1, kept.bytes - entry.size, nil
  local sender = senderOf(key)
  local own = kept.of[sender]
  if not own then return end
  own.bytes = own.bytes - entry.size
  for i, each in ipairs(own.keys) do
    if each == key then table.remove(own.keys, i) break end
  end
  if #own.keys == 0 then kept.of[sender] = nil end
end

local function forgetOldest()
  local kept = store.once
  while kept.first < kept.next do
    local key = kept.order[kept.first]
    kept.first = kept.first + 1
    if key then return forgetReply(key) end
  end
end

local function keepReply(key, entry)
  local kept, sender = store.once, senderOf(key)
  local own = kept.of[sender] or { bytes = 0, keys = {} }
  while #own.keys > 0 and (#own.keys >= REPLIES_OF_ONE or own.bytes + entry.size > BYTES_OF_ONE) do forgetReply(own.keys[1]) end
  while kept.count > 0 and (kept.count >= REPLIES or kept.bytes + entry.size > BYTES) do forgetOldest() end
  kept.of[sender] = own
  own.bytes, own.keys[#own.keys + 1] = own.bytes + entry.size, key
  kept.replies[key] = entry
  kept.count, kept.bytes = kept.count + 1, kept.bytes + entry.size
  kept.order[kept.next], entry.place, kept.next = key, kept.next, kept.next + 1
end

--- Records that a request is running.
function once.begin(key)
  local sender = senderOf(key)
  marks.add(store.once.marks, sender, key, envelope.now(), roles.isMember(sender))
  store.once.replies[key] = { pending = true }
end

--- Stores the reply.
function once.finish(key, ok, text, tags)
  local entry = key and store.once.replies[key]
  if not (entry and entry.pending) then return end
  store.once.replies[key] = nil
  local size = #key + #text + 64
  for name, value in pairs(tags or {}) do size = size + #name + #tostring(value) end
  if size <= BYTES_OF_ONE then keepReply(key, { ok = ok, text = text, tags = tags, size = size }) end
end

--- Undoes `finish`: the request waits for its reply again.
function once.reopen(key)
  forgetReply(key)
  store.once.replies[key] = { pending = true }
end

--- Removes a request that was refused or had a fault: it changed nothing and can be sent again.
function once.forget(key)
  if not key then return end
  forgetReply(key)
  marks.remove(store.once.marks, senderOf(key), key)
end

-- Earlier libraries kept the latest 256 requests of all senders together. One of them, after a rollback, starts with none.
local function migrate()
  local old = store.answered
  if type(old) ~= "table" then return end
  store.answered = nil
  for at = old.first, old.next - 1 do
    local key = old.order[at]
    local entry = key and old.byKey[key]
    if entry and not store.once.replies[key] then
      once.begin(key)
      if entry.text then once.finish(key, entry.ok, entry.text, entry.tags) end
    end
  end
end

migrate()

return once
