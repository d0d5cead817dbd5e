--- What happens at a message: trust, Eval by the owner, the program's handlers, the inbox.
local handlers, install, json, message = parts.handlers, parts.ao, parts.json, parts.message
local process = {}

local INBOX = 10000
local hasOwner = false

Handlers, Utils = handlers, parts.utils
Colors = { red = "\27[31m", green = "\27[32m", blue = "\27[34m", gray = "\27[90m", reset = "\27[0m" }
Bell = "\7"
Inbox, Errors, Name = {}, {}, "aos"

function Prompt()
  return Name .. "@lua@5.3a[Inbox:" .. #Inbox .. "]> "
end

function Version()
  print("version: lua@5.3a")
end

local function shown(value)
  if type(value) ~= "table" then return tostring(value) end
  local ok, text = pcall(json.encode, value)
  return ok and text or tostring(value)
end

--- Adds to the output of the message.
function print(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = shown((select(i, ...))) end
  if HANDLER_PRINT_LOGS then table.insert(HANDLER_PRINT_LOGS, table.concat(words, "\t")) end
end

-- The same on every node: the numbers follow from the first message, and time is the scheduler's. The functions are made once, because
-- the library reports functions that change.
local seed, now = 0, 0
local function step()
  seed = seed * 16807 % 2147483647
  return seed
end

math.randomseed = function() end
math.random = function(low, high)
  if low == nil then return (step() - 1) / 2147483646 end
  if high == nil then low, high = 1, low end
  if low > high then error("bad argument to 'random' (interval is empty)", 2) end
  -- Two steps: one has fewer values than a large interval.
  return low + (step() * 2147483647 + step()) % (high - low + 1)
end
os.time = function() return now end
os.clock = function() return 0.0 end

local function begin(msg)
  -- A dry run has no slot, so no time of its own.
  if msg["Read-Only"] and msg.Timestamp == 0 then msg.Timestamp = now end
  now = msg.Timestamp
  if seed ~= 0 then return end
  for i = 1, #msg.Id do seed = (seed * 31 + msg.Id:byte(i) + msg["Block-Height"]) % 2147483646 end
  seed = seed + 1
end

local function byName(tags)
  local found = {}
  for _, tag in ipairs(tags) do
    if found[tag.name] == nil then found[tag.name] = tag.value end
  end
  return found
end

local function insertInbox(msg)
  table.insert(Inbox, msg)
  while #Inbox > INBOX do table.remove(Inbox, 1) end
end

-- As aos: an expression, else statements; a second result is an error.
local function evaluate(code)
  code = tostring(code)
  local chunk, failure = load("return " .. code, "aos", "t", _G)
  if not chunk then chunk, failure = load(code, "aos", "t", _G) end
  if not chunk then error(failure, 0) end
  local output, raised = chunk()
  if raised ~= nil then error(raised, 0) end
  if output ~= nil then print(output) end
end

local function isEval(msg)
  return msg.Action == "Eval" and msg.From == Owner
end

-- As aos adds its own handlers at each message, but the same functions.
local function ensure(add, name, pattern, handle)
  for _, entry in ipairs(handlers.list) do
    if entry.name == name then return end
  end
  add(name, pattern, handle)
end

local function runEval(msg)
  evaluate(msg.Data)
end

local function isBoot(msg)
  return msg.Tags.Type == "Process" and msg.From == Owner
end

local function isAny()
  return true
end

local function runBoot(msg)
  if #Inbox == 0 then insertInbox(msg) end
  local boot = msg.Tags["On-Boot"]
  if boot == nil then return end
  if boot ~= "Data" then error("On-Boot: lua@5.3a can only run the data of the process itself", 0) end
  evaluate(msg.Data)
end

local function noteNew(msg)
  insertInbox(msg)
  local what = msg.Action and "Action = " .. tostring(msg.Action):sub(1, 20) or "Data = " .. tostring(msg.Data):sub(1, 20)
  print("New Message From " .. msg.From:sub(1, 3) .. "..." .. msg.From:sub(-3) .. ": " .. what)
end

local function addReplies(msg)
  msg.reply = function(answer)
    answer.Target = msg["Reply-To"] or answer.Target or msg.From
    answer["X-Reference"] = msg["X-Reference"] or msg.Reference
    answer["X-Origin"] = msg["X-Origin"]
    return ao.send(answer)
  end
  msg.forward = function(target, more)
    local copy, given = ao.sanitize(msg), {}
    for key in pairs(more or {}) do given[tostring(key):lower()] = true end
    -- Nodes do not distinguish the case of names: a sender's `extra` would replace the `Extra` that is given here.
    for key in pairs(msg) do
      if given[tostring(key):lower()] then copy[key] = nil end
    end
    for key, value in pairs(more or {}) do copy[key] = value end
    copy.Target, copy["Reply-To"] = target, msg["Reply-To"] or msg.From
    copy["X-Reference"], copy["X-Origin"] = msg["X-Reference"] or msg.Reference, msg["X-Origin"] or msg.From
    copy.reply, copy.forward = nil, nil
    ao.send(copy)
  end
end

local function output()
  return { data = table.concat(HANDLER_PRINT_LOGS or {}, "\n"), prompt = Prompt(), print = true }
end

local function handle(msg)
  ao.normalize(msg)
  msg.TagArray, msg.Tags = msg.Tags, byName(msg.Tags)
  if msg.Tags["Content-Type"] == "application/json" then msg.Data = json.decode(msg.Data ~= "" and msg.Data or "{}") end
  if msg.From ~= msg.Owner and not ao.isTrusted(msg) then
    print("Message is not trusted! From: " .. msg.From .. " - Owner: " .. msg.Owner)
    return
  end
  ensure(handlers.add, "_eval", isEval, runEval)
  if msg.Id == ao.id then ensure(handlers.once, "_boot", isBoot, runBoot) end
  ensure(handlers.append, "_default", isAny, noteNew)
  addReplies(msg)
  -- A load asks which message it is, because the node may evaluate the same one again.
  package.loaded[".fleet-message"] = msg.Id
  handlers.evaluate(msg, ao.env)
end

--- Handles a call of `compute`. An error of the program is a result.
-- @tparam table base the process as the node passes it
-- @tparam table request
-- @treturn table { Output, Messages, Spawns, Assignments } or { Error }
function process.turn(base, request)
  install.begin(base)
  if not hasOwner then
    hasOwner = true
    local env = ao.env.Process
    local isSpawned = env.Tags["From-Process"] ~= nil and ao.isTrusted(env)
    Owner = isSpawned and env.Tags["From-Process"] or env.Owner
    Name = env.Tags.Name or Name
  end
  HANDLER_PRINT_LOGS = {}
  local msg = message.read(request, ao.id)
  begin(msg)
  local ok, raised = pcall(handle, msg)
  if ok then return ao.result({ Output = output() }) end
  local printed = table.concat(HANDLER_PRINT_LOGS, "\n")
  return { Error = printed .. "\n\n" .. Colors.red .. "error:\n" .. Colors.reset .. shown(raised) }
end

return process
