-- What `require("fleet.test")` returns in a test: processes of real aos images, messages to them and from them, and the clock.
local json = require("json")
local api = {}

-- The scheduler's time when a test begins, and the milliseconds between two messages.
local START, STEP = 1700000000000, 1000
-- Fields of a message that are no tags.
local FIELDS = { From = true, Owner = true, Data = true, Id = true, Tags = true, Timestamp = true, Cron = true }

local Process = {}
Process.__index = Process

-- The data of a message is a string, and a table is sent as JSON. An empty one is an object: aos' own JSON would write a list.
local function dataOf(value)
  if value == nil then return "" end
  if type(value) ~= "table" then return tostring(value) end
  return next(value) == nil and "{}" or json.encode(value)
end

local function addTags(tags, named)
  local names = {}
  for name in pairs(named) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do tags[#tags + 1] = { name = name, value = tostring(named[name]) } end
end

local function tagsOf(given)
  local tags, more = {}, {}
  if given.Action ~= nil then tags[1] = { name = "Action", value = tostring(given.Action) } end
  for name, value in pairs(given) do
    if type(name) ~= "string" then error("a message has names and values: send { Action = \"…\" }", 4) end
    if not FIELDS[name] and name ~= "Action" then more[name] = value end
  end
  addTags(tags, more)
  local own = given.Tags or {}
  if #own == 0 then addTags(tags, own) end
  for _, tag in ipairs(own) do tags[#tags + 1] = { name = tostring(tag.name), value = tostring(tag.value) } end
  return tags
end

-- A message of an outbox: its tags are fields as well, and `data` is its JSON.
local function received(message)
  local byName = {}
  for _, tag in ipairs(message.Tags or {}) do
    if byName[tag.name] == nil then byName[tag.name] = tag.value end
  end
  local ok, data = pcall(json.decode, message.Data)
  return setmetatable({
    Target = message.Target, Data = message.Data, Anchor = message.Anchor, Tags = byName,
    data = ok and type(data) == "table" and data or nil,
  }, { __index = byName })
end

-- The first message to the sender with the request's correlation id or, without one, the first to the sender.
local function replyIn(messages, from, correlation)
  local first
  for _, message in ipairs(messages) do
    if message.Target == from then
      if message.Tags["Correlation-Id"] == correlation then return message end
      first = first or message
    end
  end
  return first
end

local function resultOf(answer, request, correlation)
  local messages, spawns = {}, {}
  for i, message in ipairs(answer.messages) do messages[i] = received(message) end
  for i, message in ipairs(answer.spawns) do spawns[i] = received(message) end
  return {
    id = answer.id, error = answer.error, output = answer.output, messages = messages, spawns = spawns,
    reply = replyIn(messages, request.From, correlation or answer.id), process = answer.process,
  }
end

-- The same for every test: a name always gives the same address.
local function addressOf(name)
  if type(name) ~= "string" or not name:match("^[%w%-]+$") or #name > 30 then
    error("test.address needs a name of letters, digits and hyphens, at most 30", 3)
  end
  local letters, seed, parts = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 7, { name, "-" }
  for i = 1, #name do seed = (seed * 31 + name:byte(i)) % 2147483647 end
  for _ = #name + 2, 43 do
    seed = seed * 16807 % 2147483647
    parts[#parts + 1] = letters:sub(seed % #letters + 1, seed % #letters + 1)
  end
  return table.concat(parts)
end

-- Asks the machine that runs the processes, and waits for its answer.
local ask
local clock = START

local function requestOf(given)
  if type(given) ~= "table" then error("a message is a table: send { Action = \"…\" }", 3) end
  clock = given.Timestamp or clock + STEP
  local from = given.From or addressOf("user")
  local tags = tagsOf(given)
  local correlation
  for _, tag in ipairs(tags) do
    if tag.name == "Correlation-Id" then correlation = correlation or tag.value end
  end
  return {
    From = from, Owner = given.Owner or from, Data = dataOf(given.Data), Tags = tags, Id = given.Id, Timestamp = clock,
    Cron = given.Cron == true,
  }, correlation
end

function Process:send(given)
  local request, correlation = requestOf(given)
  return resultOf(ask({ op = "send", process = self.handle, message = request }), request, correlation)
end

function Process:dryrun(given)
  local request, correlation = requestOf(given)
  return resultOf(ask({ op = "send", process = self.handle, message = request, dry = true }), request, correlation)
end

function Process:eval(code)
  return self:send({ From = self.owner, Action = "Eval", Data = code })
end

function Process:read(expression)
  return ask({ op = "read", process = self.handle, expression = expression, now = clock }).value
end

function Process:state(name)
  return ask({ op = "state", process = self.handle, name = name, now = clock }).value
end

function Process:load(program)
  clock = clock + STEP
  return resultOf(ask({ op = "load", process = self.handle, program = program, now = clock }), { From = self.owner })
end

local test = {}

function test.boot(program, options)
  local made = ask({ op = "boot", program = program, options = options, owner = addressOf("owner"), now = clock })
  clock = made.now
  return setmetatable({ handle = made.process, id = made.id, owner = made.owner }, Process)
end

function test.deliver(result)
  local answer = ask({ op = "deliver", process = result.process, message = result.id, now = clock })
  clock = answer.now
  local delivered = {}
  for i, each in ipairs(answer.results) do delivered[i] = resultOf(each, { From = each.from }, each.correlation) end
  return delivered
end

function test.now() return clock end

function test.set_time(at)
  if math.type(at) ~= "integer" then error("test.set_time needs milliseconds as an integer", 2) end
  clock = at
end

function test.advance(milliseconds)
  if math.type(milliseconds) ~= "integer" or milliseconds < 0 then error("test.advance needs milliseconds as an integer", 2) end
  clock = clock + milliseconds
end

function test.address(name) return addressOf(name) end

--- @param asks asks the machine that runs the processes, and waits for its answer
-- @return what `require("fleet.test")` returns, and a function for the beginning of a test
function api.new(asks)
  ask = asks
  return test, function() clock = START end
end

return api
