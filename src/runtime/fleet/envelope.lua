--- What the network itself says of a message, which a sender cannot write.
-- aos copies every tag over the message: a stranger's tag `Timestamp`, `Id` or `Nonce` would hide the scheduler's.
-- It also decodes Data before any handler runs when a tag says JSON, and the evaluation fails when it is not. So
-- `ao.normalize` is wrapped: the scheduler's own fields win, and a content type that is not true is dropped.
local integrity = require("fleet.integrity")
local json = require("fleet.json")
local store = require("fleet.store")

local envelope = {}

--- The largest text that is decoded for aos, in a program that knows nothing of the fleet and in one that does.
local MAX_DECODED, MAX_UNDECLARED = 8 * 1024 * 1024, 16 * 1024
--- What the inbox of a process that declared itself may hold: nobody reads it, and strangers could fill the memory.
local INBOX, INBOX_TEXT = 100, 16 * 1024
local OWN_FIELDS = { "Id", "Timestamp", "Nonce", "Epoch", "Block-Height", "Hash-Chain", "Cron", "Module" }

--- Called before each message is handled, whoever takes it; nil: nothing is.
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
  -- The fleet's own actions read the text themselves, once and with limits.
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

local function rawTag(msg, name)
  for _, tag in ipairs(type(msg.Tags) == "table" and msg.Tags or {}) do
    if type(tag) == "table" and tag.name == name then return type(tag.value) == "string" and tag.value or nil end
  end
  return nil
end

local function trimInbox()
  if not store.process.declared or type(Inbox) ~= "table" then return end
  while #Inbox > INBOX do table.remove(Inbox, 1) end
  local last = Inbox[#Inbox]
  if type(last) == "table" and type(last.Data) == "string" and #last.Data > INBOX_TEXT then
    last.Data = last.Data:sub(1, INBOX_TEXT)
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
    -- Whatever it finds, the message is handled.
    pcall(integrity.turn, isEval(msg))
    local own = {}
    for _, field in ipairs(OWN_FIELDS) do own[field] = msg[field] end
    Fleet.current = {
      id = msg.Id,
      from = msg.From,
      at = tonumber(msg.Timestamp) or 0,
      slot = math.tointeger(tonumber(msg.Nonce)),
      cron = msg.Cron == true or msg.Cron == "true",
      data = msg.Data,
      -- Who signs for itself says what it likes; what a messenger pushed carries the messenger's word.
      pushedFor = msg.Owner ~= msg.From and rawTag(msg, "Pushed-For") or nil,
    }
    local stats = store.stats
    stats.messages = stats.messages + 1
    stats.lastMessageAt = Fleet.current.at
    -- Only what this bundle set: a later one begins without.
    if envelope.before then
      local ok, raised = pcall(envelope.before)
      if not ok and Fleet.fault then pcall(Fleet.fault, "before a message", tostring(raised)) end
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

--- Puts the wrapper in place; a later bundle replaces the one before instead of wrapping it again.
function envelope.install()
  if type(ao) ~= "table" or type(ao.normalize) ~= "function" then return end
  if ao.normalize ~= Fleet.normalize then Fleet.aosNormalize = ao.normalize end
  Fleet.normalize = wrap(Fleet.aosNormalize)
  ao.normalize = Fleet.normalize
end

--- The record of a message: `id`, `from`, `at` (scheduler time, ms), `slot` (absent where the network has none), `cron`,
-- `data` (the text as it was sent).
function envelope.of(msg)
  local current = Fleet.current
  if current and msg and current.id == msg.Id and current.from == msg.From then return current end
  -- Only the message during which the library was loaded for the first time has no record.
  return {
    id = msg and msg.Id,
    from = msg and msg.From,
    at = msg and tonumber(msg.Timestamp) or envelope.now(),
    slot = msg and math.tointeger(tonumber(msg.Nonce)),
    cron = false,
    data = msg and msg.Data,
  }
end

--- The first message of the chain that the message at hand was pushed for; nil where it was not pushed, or the network does not say.
function envelope.pushedFor()
  return Fleet.current and Fleet.current.pushedFor
end

--- The first message of the chain that what is sent now belongs to.
function envelope.chain()
  return Fleet.current and (Fleet.current.pushedFor or Fleet.current.id)
end

--- Scheduler time in milliseconds of the message being handled.
function envelope.now()
  if Fleet.current then return Fleet.current.at end
  return tonumber(os.time()) or 0
end

--- A tag as the sender wrote it, or nil. `msg.Tags` has it apart from the fields of the scheduler.
function envelope.tag(msg, name)
  local value = type(msg.Tags) == "table" and msg.Tags[name] or nil
  return type(value) == "string" and value or nil
end

return envelope
