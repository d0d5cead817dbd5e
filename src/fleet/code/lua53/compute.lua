--- The function that a node calls at each slot. Whatever it raised would end the process: the node would run that slot again at
-- every later one. So every error is a result. What no Lua can catch: an evaluation without an end, faults of the node's own Lua, and a
-- message whose tags `function` or `parameters` name another function, or other arguments, for the node to call.
local json, process = parts.json, parts.process

-- Keys of the base message that a program does not publish over.
local RESERVED = {
  process = true, device = true, results = true, module = true, authority = true, scheduler = true, commitments = true, priv = true,
  initialized = true, slot = true, path = true, snapshot = true, ["at-slot"] = true, ["execution-device"] = true,
  ["scheduler-device"] = true, ["push-device"] = true, ["function"] = true, parameters = true,
}
-- Tags of a patch that are no keys of the state, and those by which a node recognizes it.
local PROTOCOL = {
  type = true, variant = true, ["data-protocol"] = true, reference = true, target = true, action = true, ["content-type"] = true,
  method = true,
}
local MARKS = { device = "PATCH@1.0", method = "PATCH" }
local DEEPEST = 32

-- A value that the node can store: no functions, nothing that contains itself.
local function plain(value, depth)
  local kind = type(value)
  if kind == "string" or kind == "boolean" then return value end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then return tostring(value) end
    return value
  end
  if kind ~= "table" or depth > DEEPEST then return nil end
  local copy, count = {}, 0
  for key in pairs(value) do
    if type(key) == "string" or type(key) == "number" then count = count + 1 end
  end
  -- A list stays one; in anything else, the node has only strings as keys.
  local isList = count == #value
  for key, each in pairs(value) do
    if isList and type(key) == "number" then copy[key] = plain(each, depth + 1)
    elseif type(key) == "number" then copy[tostring(key)] = plain(each, depth + 1)
    elseif type(key) == "string" then copy[key:lower()] = plain(each, depth + 1) end
  end
  return copy
end

-- Sets a key of the state; tables are merged, and `a/b` is a key in the table `a`.
local function put(into, key, value)
  local first, rest = key:match("^/*([^/]+)/*(.*)$")
  if not first then return end
  if rest ~= "" then
    if type(into[first]) ~= "table" then into[first] = {} end
    return put(into[first], rest, value)
  end
  if type(value) ~= "table" or type(into[first]) ~= "table" then
    into[first] = value
    return
  end
  for name, each in pairs(value) do
    if type(name) == "string" then put(into[first], name, each) else into[first][name] = each end
  end
end

local function isPatch(sent)
  for _, tag in ipairs(sent.Tags) do
    local mark = MARKS[tostring(tag.name):lower()]
    if mark and tostring(tag.value):upper() == mark then return true end
  end
  return false
end

-- Publishes the tags of a patch as keys of the state, which the node serves by HTTP.
local function publish(base, sent)
  for _, tag in ipairs(sent.Tags) do
    local key = tostring(tag.name):lower()
    if not PROTOCOL[key] and not RESERVED[key:match("^/*([^/]*)")] then put(base, key, plain(tag.value, 1)) end
  end
end

local function text(value)
  if type(value) == "string" then return value end
  if type(value) == "table" then return json.encode(value) end
  return tostring(value)
end

-- A message as a node delivers it: the target, the data, and the tags as keys in lower case.
local function outgoing(sent)
  local item = {}
  for _, tag in ipairs(sent.Tags) do
    local key = tostring(tag.name):lower()
    if tag.value ~= nil and tag.value ~= "" then item[key] = text(tag.value) end
  end
  item.target, item.data, item.anchor = text(sent.Target), sent.Data ~= nil and text(sent.Data) or nil, sent.Anchor
  return item
end

-- Everything as text: the whole of it would be lost with one tag that JSON does not have.
local function forJson(sent)
  local tags = {}
  for i, tag in ipairs(sent.Tags) do tags[i] = { name = tostring(tag.name), value = text(tag.value) } end
  return { Target = sent.Target and text(sent.Target), Data = sent.Data ~= nil and text(sent.Data) or nil, Anchor = sent.Anchor, Tags = tags }
end

local function each(list, fn)
  local found = {}
  for i, value in ipairs(list) do found[i] = fn(value) end
  return found
end

-- Where nodes serve the results of genesis-wasm@1.0, so that one reader serves both devices.
local function results(base, result)
  local outbox, count = {}, 0
  for _, sent in ipairs(result.Messages or {}) do
    if isPatch(sent) then
      publish(base, sent)
    elseif sent.Target ~= nil and sent.Target ~= "" then
      count = count + 1
      outbox[tostring(count)] = outgoing(sent)
    end
  end
  local output = plain(result.Output, 1) or {}
  local body = {
    Messages = each(result.Messages or {}, forJson), Spawns = each(result.Spawns or {}, forJson), Assignments = {},
    Output = output, Error = result.Error,
  }
  return {
    outbox = outbox, output = output, data = result.Error or type(output) == "table" and output.data or "",
    json = { ["content-type"] = "application/json", body = json.encode(body) },
  }
end

local function failed(raised)
  local body = { Messages = {}, Spawns = {}, Assignments = {}, Output = "", Error = tostring(raised) }
  return {
    outbox = {}, output = {}, data = body.Error,
    json = { ["content-type"] = "application/json", body = json.encode(body) },
  }
end

function compute(base, request)
  local ok, made = pcall(function() return results(base, process.turn(base, request)) end)
  if not ok then ok, made = pcall(failed, made) end
  base.results = ok and made or { outbox = {}, output = {}, data = "error" }
  return base
end

return true
