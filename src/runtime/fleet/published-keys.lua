--- Globals and states of the program that its declaration publishes on a HyperBEAM node (`publish: ["Balances"]`):
-- `/<id>~process@1.0/now/Balances/<member>`. Of a table, the members are published, each as a value or, if it is a table, as JSON. After each
-- message only what changed is sent; a member that is gone becomes "".
local json = require("fleet.json")
local log = require("fleet.log")
local node = require("fleet.node")
local store = require("fleet.store")

local keys = {}

--- Set by the bundle if the declaration lists names; read and removed by the commit.
keys.DECLARED = "FLEET_PUBLISH"

--- Members of one table, bytes of one member and of the changes of one message. What is over the last is sent after the next message.
local MOST_MEMBERS, MOST_BYTES, BYTES_A_MESSAGE = 2000, 4096, 65536
--- Names of members that a node takes for parts of the message itself. Others may choose the members of a table, such as its balances.
local RESERVED = { device = true, method = true, path = true, priv = true, commitments = true, hashpath = true }

-- names: declared · sent: name → member → what was published; "" is the member of a value that is no table
store.publishedKeys = store.publishedKeys or { names = {}, sent = {} }
local kept = store.publishedKeys
local told = {}

--- Takes the names that the loaded bundle declares.
function keys.declare()
  local text = rawget(_G, keys.DECLARED)
  rawset(_G, keys.DECLARED, nil)
  kept.names = {}
  for name in (type(text) == "string" and text or ""):gmatch("[^,]+") do kept.names[#kept.names + 1] = name end
end

-- A value as it is published; nil for functions and the like. aos writes results with 14 digits, so longer numbers become text.
local function shown(value)
  local kind = type(value)
  if kind == "boolean" then return value end
  if math.type(value) == "integer" and math.abs(value) < 1e14 then return value end
  local text = value
  if kind == "table" or kind == "number" then
    local ok, encoded = pcall(json.encode, value)
    text = ok and encoded or nil
  end
  if type(text) ~= "string" then return nil end
  return #text <= MOST_BYTES and node.text(text) or ""
end

local function memberOf(key)
  local name = math.type(key) == "integer" and tostring(key) or key
  if type(name) ~= "string" or name == "" or #name > 128 or name:find("[/%c]") or not utf8.len(name) then return nil end
  local lower = name:lower()
  if RESERVED[lower] or lower:sub(-5) == "+link" then return nil end
  return name
end

-- The members of a value; nil if there are too many.
local function membersOf(value)
  if type(value) ~= "table" then return { [""] = shown(value) } end
  local members, count = {}, 0
  for key, each in next, value do
    count = count + 1
    if count > MOST_MEMBERS then return nil end
    local name = memberOf(key)
    if name then members[name] = shown(each) end
  end
  return members
end

local function valueOf(name)
  local value = rawget(_G, name)
  if value == nil then return store.states[name] end
  return value
end

-- Adds the changes of one name to a patch.
-- @treturn number bytes that are left
local function add(patch, name, members, left)
  local sent = kept.sent[name] or {}
  kept.sent[name] = sent
  local function set(member, value)
    left = left - #member - #tostring(value) - 16
    sent[member] = value
    if value == "" then sent[member] = nil end
    if member == "" then
      patch[name] = value
    else
      if type(patch[name]) ~= "table" then patch[name] = {} end
      patch[name][member] = value
    end
  end
  for member, value in pairs(members) do
    if left <= 0 then return left end
    if sent[member] ~= value and not (sent[member] == nil and value == "") then set(member, value) end
  end
  local gone = {}
  for member in pairs(sent) do
    if members[member] == nil then gone[#gone + 1] = member end
  end
  -- A table that became another value, or the other way round, was replaced as a whole.
  local isReplaced = members[""] ~= nil
  for _, member in ipairs(gone) do
    if left <= 0 then return left end
    if isReplaced or member == "" and next(members) ~= nil then sent[member] = nil else set(member, "") end
  end
  return left
end

--- What changed since it was published.
-- @treturn table name → value, or members
function keys.changes()
  local patch, left, wanted = {}, BYTES_A_MESSAGE, {}
  for _, name in ipairs(kept.names) do
    wanted[name] = true
    local members = membersOf(valueOf(name))
    if members then
      left = add(patch, name, members, left)
    elseif not told[name] then
      told[name] = true
      log.write("WARN", name .. " has more than " .. MOST_MEMBERS .. " members: what is published of it stays as it was")
    end
  end
  -- Of an earlier program.
  for name in pairs(kept.sent) do
    if not wanted[name] then
      left = add(patch, name, {}, left)
      if next(kept.sent[name]) == nil then kept.sent[name] = nil end
    end
  end
  return patch
end

return keys
