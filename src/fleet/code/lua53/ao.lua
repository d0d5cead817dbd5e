--- `ao`, `Send` and `Spawn`, as programs for aos use them. The node puts functions of its own into the global `ao` after the module was
-- loaded, so this one is added to it at the first message.
local handlers, json, message, utils = parts.handlers, parts.json, parts.message, parts.utils
local install = {}

local VARIANT = "ao.N.1"
-- Fields of a message that are no tags, and those that `forward` does not take along.
local NO_TAGS = { Target = true, Data = true, Anchor = true, Tags = true, From = true }
local NOT_FORWARDED = {
  "Data-Protocol", "Variant", "From-Process", "From-Module", "Type", "From", "Owner", "Anchor", "Target", "Tags", "TagArray", "Hash-Chain",
  "Timestamp", "Nonce", "Epoch", "Signature", "Forwarded-By", "Pushed-For", "Read-Only", "Cron", "Block-Height", "Reference", "Id", "Reply-To",
}
-- Nodes do not distinguish the case of names.
local IS_NOT_FORWARDED = {}
for _, name in ipairs(NOT_FORWARDED) do IS_NOT_FORWARDED[name:lower()] = true end

local function anchor(reference)
  local digits = tostring(reference)
  return ("0"):rep(32 - #digits) .. digits
end

-- Data that is a table is sent as JSON.
local function withText(msg)
  if type(msg.Data) ~= "table" then return msg end
  local copy = utils.copy(msg)
  copy.Data, copy["Content-Type"] = json.encode(msg.Data), "application/json"
  return copy
end

local function addTags(tags, msg)
  local names = {}
  for name in pairs(msg) do
    if not NO_TAGS[name] then names[#names + 1] = name end
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do tags[#tags + 1] = { name = name, value = msg[name] } end
  local more = type(msg.Tags) == "table" and msg.Tags or {}
  if #more > 0 then
    for _, tag in ipairs(more) do tags[#tags + 1] = tag end
    return
  end
  local keys = utils.keys(more)
  table.sort(keys)
  for _, name in ipairs(keys) do tags[#tags + 1] = { name = name, value = more[name] } end
end

local function protocolTags(kind, reference)
  return {
    { name = "Data-Protocol", value = "ao" }, { name = "Variant", value = VARIANT },
    { name = "Type", value = kind }, { name = "Reference", value = reference },
  }
end

local function send(ao, given)
  if type(given) ~= "table" then error("msg should be a table", 2) end
  local msg = withText(given)
  ao.reference = ao.reference + 1
  local reference = tostring(ao.reference)
  local sent = { Target = msg.Target, Data = msg.Data, Anchor = anchor(ao.reference), Tags = protocolTags("Message", reference) }
  addTags(sent.Tags, msg)
  table.insert(ao.outbox.Messages, utils.copy(sent))
  -- Either (handle) or (the address that will answer, handle).
  sent.onReply = function(...)
    local from, handle = sent.Target, ...
    if select("#", ...) == 2 then from, handle = ... end
    handlers.once({ From = from, ["X-Reference"] = reference }, handle)
  end
  sent.receive = handlers.receive
  return sent
end

local function spawn(ao, module, given)
  if type(module) ~= "string" then error("Module source id is required!", 2) end
  if type(given) ~= "table" then error("Message must be a table", 2) end
  local msg = withText(given)
  ao.reference = ao.reference + 1
  local reference = tostring(ao.reference)
  local made = { Data = msg.Data or "NODATA", Anchor = anchor(ao.reference), Tags = protocolTags("Process", reference) }
  for name, value in pairs({ ["From-Process"] = ao.id, ["From-Module"] = ao._module, Module = module }) do
    made.Tags[#made.Tags + 1] = { name = name, value = value }
  end
  addTags(made.Tags, msg)
  table.insert(ao.outbox.Spawns, utils.copy(made))
  made.onReply = function(handle)
    handlers.once({ Action = "Spawned", From = ao.id, Reference = reference }, handle)
  end
  made.receive = handlers.receive
  return made
end

--- A value without the tables that it shares with the original.
local function clone(value, seen)
  if type(value) ~= "table" then return value end
  seen = seen or {}
  if seen[value] then return seen[value] end
  local copy = {}
  seen[value] = copy
  for key, each in pairs(value) do copy[clone(key, seen)] = clone(each, seen) end
  return setmetatable(copy, getmetatable(value))
end

-- The tags of a message become its fields, except those that only the network sets.
local OWN = {
  ["Data-Protocol"] = true, Variant = true, ["From-Process"] = true, ["From-Module"] = true, Type = true, From = true, Owner = true,
  Anchor = true, Target = true, Data = true, Tags = true, ["Read-Only"] = true,
}
local function normalize(msg)
  for _, tag in ipairs(msg.Tags) do
    if not OWN[tag.name] then msg[tag.name] = tag.value end
  end
  return msg
end

local function addGlobals(ao)
  function Send(msg)
    local sent = ao.send(msg)
    return { output = "Message added to outbox", onReply = sent.onReply, receive = sent.receive }
  end
  function Spawn(...)
    local module, msg = ...
    if type(module) == "table" or module == nil then module, msg = ao._module, module end
    local made = ao.spawn(module, msg or {})
    return { output = "Spawn process request added to outbox", onReply = made.onReply, receive = made.receive }
  end
  function Receive()
    return handlers.receive()
  end
  function Assign()
    error("lua@5.3a cannot assign messages to processes", 2)
  end
end

local function addFunctions(ao)
  ao.send = function(msg) return send(ao, msg) end
  ao.spawn = function(module, msg) return spawn(ao, module, msg) end
  ao.assign = function() return Assign() end
  ao.clone = function(value) return clone(value) end
  ao.normalize = normalize
  ao.sanitize = function(msg)
    local copy = clone(msg)
    for name in pairs(msg) do
      if IS_NOT_FORWARDED[tostring(name):lower()] then copy[name] = nil end
    end
    return copy
  end
  ao.clearOutbox = function()
    ao.outbox = { Output = {}, Messages = {}, Spawns = {}, Assignments = {} }
  end
  ao.log = function(text)
    if type(ao.outbox.Output) ~= "table" then ao.outbox.Output = { ao.outbox.Output } end
    table.insert(ao.outbox.Output, text)
  end
  -- Only the signer counts: anybody can write a tag.
  ao.isTrusted = function(msg) return utils.includes(msg.Owner, ao.authorities) end
  ao.isAssignment = function(msg) return msg.Target ~= ao.id end
  ao.result = function(result)
    if ao.outbox.Error or result.Error then return { Error = result.Error or ao.outbox.Error } end
    local outbox = ao.outbox
    return {
      Output = result.Output or outbox.Output, Messages = outbox.Messages, Spawns = outbox.Spawns, Assignments = outbox.Assignments,
    }
  end
end

--- Makes the global `ao` complete, and its `env` that of the process.
-- @tparam table base the process as the node passes it
function install.begin(base)
  if type(ao) ~= "table" then ao = {} end
  if not ao.send then
    ao._version, ao.id, ao._module, ao.authorities, ao.reference = "0.0.6", "", "", {}, 0
    addFunctions(ao)
    addGlobals(ao)
    package.loaded.ao, package.loaded[".ao"] = ao, ao
  end
  local process = message.process(base)
  if ao.id == "" then ao.id = process.Id end
  for _, tag in ipairs(process.Tags) do
    if tag.name == "Module" and ao._module == "" then ao._module = tag.value end
    if tag.name == "Authority" then
      for part in tag.value:gmatch("[%w%-_]+") do
        if not utils.includes(part, ao.authorities) then table.insert(ao.authorities, part) end
      end
    end
  end
  local byName = {}
  for _, tag in ipairs(process.Tags) do
    if byName[tag.name] == nil then byName[tag.name] = tag.value end
  end
  process.TagArray, process.Tags = process.Tags, byName
  ao.env = { Process = process, Module = { Id = ao._module, Owner = "", Tags = {} } }
  ao.clearOutbox()
end

return install
