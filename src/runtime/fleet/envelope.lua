--- The fields of a message that the network sets and a sender cannot forge.
-- aos copies every tag to the message, so a sender's tag `Timestamp`, `Id` or `Nonce` would hide the scheduler's.
-- It also decodes Data before any handler runs if a tag says JSON, and the evaluation fails if it is not. Therefore
-- `ao.normalize` is wrapped: the scheduler's own fields take precedence, and a wrong content type is dropped.
local author = require("fleet.author")
local cut = require("fleet.cut")
local handlers = require("fleet.handlers")
local integrity = require("fleet.integrity")
local json = require("fleet.json")
local node = require("fleet.node")
local seen = require("fleet.seen")
local sentFor = require("fleet.sent-for")
local store = require("fleet.store")
local tags = require("fleet.tags")
local ticks = require("fleet.ticks")
local waiting = require("fleet.waiting")

local envelope = {}

--- The largest Data that is decoded for aos: in programs without `fleet.process`, and in programs with it.
local MAX_DECODED, MAX_UNDECLARED = 8 * 1024 * 1024, 16 * 1024
--- Limits of the inbox of a process with `fleet.process`: nobody reads it, and anyone could fill the memory.
local INBOX, INBOX_TEXT = 100, 16 * 1024
local OWN_FIELDS = { "Id", "Timestamp", "Nonce", "Epoch", "Block-Height", "Hash-Chain", "Cron", "Module" }

--- Function that is called before each message is handled, by any handler; nil for none.
envelope.before = nil

local function isDeclared(action)
  local bundle = Fleet.live or Fleet.staged
  return bundle ~= nil and bundle.actions[action] ~= nil
end

local function dropContentType(msg)
  if type(msg.Tags) ~= "table" then return end
  local action, at
  for i = #msg.Tags, 1, -1 do
    local tag = msg.Tags[i]
    if type(tag) == "table" then
      if tag.name == "Action" then action = tag.value end
      if tag.name == "Content-Type" and tag.value == "application/json" then at = i end
    end
  end
  if not at then return end
  -- The library's actions parse the data themselves, once and with limits.
  if not isDeclared(action) then
    local text = msg.Data
    local most = store.process.declared and MAX_UNDECLARED or MAX_DECODED
    local value = type(text) == "string" and #text <= most and json.decode(text) or nil
    if type(value) == "table" then return end
  end
  for i = #msg.Tags, 1, -1 do
    if type(msg.Tags[i]) == "table" and msg.Tags[i].name == "Content-Type" then table.remove(msg.Tags, i) end
  end
end

local function trimInbox()
  if not store.process.declared or type(Inbox) ~= "table" then return end
  while #Inbox > INBOX do table.remove(Inbox, 1) end
  local last = Inbox[#Inbox]
  if type(last) == "table" and type(last.Data) == "string" and #last.Data > INBOX_TEXT then
    last.Data = cut(last.Data, INBOX_TEXT)
  end
end

local function isEval(msg)
  for _, tag in ipairs(type(msg.Tags) == "table" and msg.Tags or {}) do
    if type(tag) == "table" and tag.name == "Action" and tag.value == "Eval" then return true end
  end
  return false
end

local function wrap(original)
  return function(msg)
    trimInbox()
    pcall(handlers.keepLast)
    -- The message is handled even if this fails.
    local hasCode = isEval(msg)
    pcall(integrity.turn, hasCode)
    local own, before = {}, Fleet.current
    pcall(waiting.record, before)
    for _, field in ipairs(OWN_FIELDS) do own[field] = msg[field] end
    Fleet.author = nil
    local scheduledAt = ticks.scheduledAt(msg)
    Fleet.current = {
      id = msg.Id,
      from = msg.From,
      at = tonumber(msg.Timestamp) or 0,
      slot = math.tointeger(tonumber(msg.Nonce)),
      cron = msg.Cron == true or msg.Cron == "true" or scheduledAt ~= nil,
      scheduledAt = scheduledAt,
      data = msg.Data,
      owner = msg.Owner,
      reference = sentFor.number(msg.Tags),
      -- Only trusted in messages that a messenger pushed, because a signer can set any tag, and only as the last tag of all: a messenger appends its own
      -- to those of the program, and none to what a cron caused. Nodes add none.
      pushedFor = msg.Owner ~= msg.From and not node.isHere() and tags.final(msg.Tags, "Pushed-For") or nil,
      sentFor = msg.Owner ~= msg.From and tags.last(msg.Tags, sentFor.TAG) or nil,
      target = msg.Target,
      hasCode = hasCode,
      behalf = tags.first(msg.Tags, "On-Behalf-Of"),
      carried = tags.first(msg.Tags, "On-Behalf-Of") ~= nil,
      askedFor = tags.first(msg.Tags, author.TAG),
      -- A dry run: its effects are discarded.
      readOnly = msg["Read-Only"] == true or msg["Read-Only"] == "true",
    }
    -- A program may normalize the message that it handles. Ticks of a messenger unit have no id.
    if before and msg.Id ~= nil and before.id == msg.Id and before.slot == Fleet.current.slot then
      Fleet.current.repeated, Fleet.current.key = before.repeated, before.key
    end
    local stats = store.stats
    stats.messages = stats.messages + 1
    stats.lastMessageAt = Fleet.current.at
    -- Set by this bundle; a later bundle starts without it.
    if envelope.before then
      pcall(author.as, author.own(), function()
        local ok, raised = pcall(envelope.before)
        if not ok and Fleet.fault then pcall(Fleet.fault, "before a message", tostring(raised)) end
      end)
    end
    dropContentType(msg)
    local result = original(msg)
    for _, field in ipairs(OWN_FIELDS) do
      if own[field] ~= nil then result[field] = own[field] end
    end
    result.Cron = Fleet.current.cron
    return result
  end
end

--- Installs the wrapper; a later bundle replaces it instead of wrapping it again.
function envelope.install()
  if type(ao) ~= "table" or type(ao.normalize) ~= "function" then return end
  if ao.normalize ~= Fleet.normalize then Fleet.aosNormalize = ao.normalize end
  Fleet.normalize = wrap(Fleet.aosNormalize)
  ao.normalize = Fleet.normalize
end

--- The record of a message: `id`, `from`, `at` (scheduler time, ms), `slot` (absent if the network has none), `cron`, `scheduledAt` (of a
-- monitor's tick), `data` (the original data).
function envelope.of(msg)
  local current = Fleet.current
  if current and msg and current.id == msg.Id and current.from == msg.From then return current end
  -- Only the message that first loaded the library has no record.
  return {
    id = msg and msg.Id,
    from = msg and msg.From,
    at = msg and tonumber(msg.Timestamp) or envelope.now(),
    slot = msg and math.tointeger(tonumber(msg.Nonce)),
    cron = false,
    data = msg and msg.Data,
    behalf = msg and envelope.tag(msg, "On-Behalf-Of"),
    carried = msg ~= nil and envelope.tag(msg, "On-Behalf-Of") ~= nil,
  }
end

--- Whether a message is one that was handled before: the same bytes in another slot, or another tick for the same time. It is recorded when
-- this is first asked, by the first pattern, so after aos' own checks of trust. A tick of a messenger unit is a message of its own whatever
-- its id, and an assignment of another process' message may be meant twice.
function envelope.isRepeated(msg)
  local current = Fleet.current
  if not current or current.id ~= msg.Id then return false end
  if current.repeated == nil then
    if current.cron then
      current.repeated = ticks.take(current)
    elseif seen.isNeeded() then
      -- The item of the process itself came before the library.
      local isSpawn = current.id == ao.id
      local isOrdered = current.slot ~= nil and current.target == ao.id
      current.repeated = isSpawn or isOrdered and seen.take(current.id, tostring(current.from))
    end
  end
  return current.repeated or false
end

--- Whether this message is a dry run, whose effects are discarded. On a node a sender could set the field of a message that has effects.
function envelope.isDryRun()
  return Fleet.current ~= nil and Fleet.current.readOnly and not node.isHere()
end

--- The first message of the chain that the current message was pushed for; nil if it was not pushed, or the network does not report it.
function envelope.pushedFor()
  return Fleet.current and Fleet.current.pushedFor
end

--- The request that the current message was sent for, as the library of the process that sent it says; nil if that has none.
-- @treturn ?string the sender of the request
-- @treturn ?string the sender's number of it
function envelope.sentFor()
  return sentFor.parse(Fleet.current and Fleet.current.sentFor)
end

--- The first message of the chain that outgoing messages belong to.
function envelope.chain()
  return Fleet.current and (Fleet.current.pushedFor or Fleet.current.id)
end

--- Scheduler time in milliseconds of the message being handled.
function envelope.now()
  if Fleet.current then return Fleet.current.at end
  return tonumber(os.time()) or 0
end

--- A tag as the sender set it, or nil. `msg.Tags` is separate from the fields of the scheduler.
function envelope.tag(msg, name)
  local value = type(msg.Tags) == "table" and msg.Tags[name] or nil
  return type(value) == "string" and value or nil
end

return envelope
