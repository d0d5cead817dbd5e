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
--- The deepest table in a member.
local MOST_DEPTH = 64
--- What stands for a table with too many members.
local TOO_MANY = "not published: more than " .. MOST_MEMBERS .. " members"

--- Strangers may choose the names of members, as with balances. A node cannot encode other characters; these names it takes for parts of the
-- message itself or, when it serves the table, for headers of its answer.
local NAME = "^[A-Za-z0-9_%-]+$"
local RESERVED = {}
for name in ([[
  device method path priv commitments hashpath signature signature-input body body-keys target anchor data dryrun set-mode
  ao-types ao-ids ao-result ao-body-key inline-body-key
  status location set-cookie connection keep-alive transfer-encoding trailer upgrade te host refresh link
  content-type content-length content-digest content-disposition content-encoding content-location content-range
]]):gmatch("%S+") do RESERVED[name] = true end

-- names: declared · sent: name → member → what was published; "" is the member of a value that is no table
store.publishedKeys = store.publishedKeys or { names = {}, sent = {} }
local kept = store.publishedKeys
local told, tooMany = {}, {}

--- Takes the names that the loaded bundle declares.
function keys.declare()
  local text = rawget(_G, keys.DECLARED)
  rawset(_G, keys.DECLARED, nil)
  kept.names = {}
  for name in (type(text) == "string" and text or ""):gmatch("[^,]+") do kept.names[#kept.names + 1] = name end
end

-- The limit of a member less what a value needs at least as JSON; below 0 if it is too large or too deep. Otherwise the whole of a large table
-- would be written after every message, only to be dropped.
local function room(value, left, depth)
  local kind = type(value)
  if kind == "string" then return left - #value - 2 end
  if kind ~= "table" then return left - 1 end
  if depth > MOST_DEPTH then return -1 end
  left = left - 2
  for key, each in next, value do
    left = room(each, type(key) == "string" and left - #key - 3 or left, depth + 1)
    if left < 0 then break end
  end
  return left
end

-- A value as it is published; nil for functions and the like. aos writes results with 14 digits, so longer numbers become text.
local function shown(value)
  local kind = type(value)
  if kind == "boolean" then return value end
  if math.type(value) == "integer" and math.abs(value) < 1e14 then return value end
  local text = value
  if kind == "table" and room(value, MOST_BYTES, 1) < 0 then return "" end
  if kind == "table" or kind == "number" then
    local ok, encoded = pcall(json.encode, value)
    text = ok and encoded or nil
  end
  if type(text) ~= "string" then return nil end
  return #text <= MOST_BYTES and node.text(text) or ""
end

local function memberOf(key)
  local name = math.type(key) == "integer" and tostring(key) or key
  if type(name) ~= "string" or #name > 128 or not name:find(NAME) then return nil end
  local lower = name:lower()
  if RESERVED[lower] then return nil end
  return name, lower
end

-- The members of a value; nil if there are too many. Names that differ only in case are one key to a node: none of them is published, because
-- its value would be that of either.
local function membersOf(value)
  if type(value) ~= "table" then return { [""] = shown(value) } end
  local members, names, count = {}, {}, 0
  for key, each in next, value do
    count = count + 1
    if count > MOST_MEMBERS then return nil end
    local name, lower = memberOf(key)
    if name and names[lower] then
      members[names[lower]] = nil
    elseif name then
      names[lower], members[name] = name, shown(each)
    end
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
    -- A value replaces the members of a table on the node, and a member a value.
    if member == "" then
      sent = {}
      kept.sent[name] = sent
    else
      sent[""] = nil
    end
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
  if #gone == 0 then return left end
  -- What is published under a name that differs only in case has taken the place of the value on the node.
  local isTaken = {}
  for member, value in pairs(members) do
    if value ~= "" then isTaken[member:lower()] = true end
  end
  for _, member in ipairs(gone) do
    if left <= 0 then return left end
    if isTaken[member:lower()] then
      sent[member] = nil
    else
      set(member, "")
    end
  end
  return left
end

-- The members of a declared name, or what stands for too many of them.
local function publishable(name)
  local members = membersOf(valueOf(name))
  tooMany[name] = members == nil or nil
  if members then return members end
  if not told[name] then
    told[name] = true
    log.write("WARN", name .. " has more than " .. MOST_MEMBERS .. " members: it is not published any more")
  end
  return { [""] = TOO_MANY }
end

--- The declared names whose value is not published because it has too many members; sorted. As of the latest `changes`.
function keys.unpublished()
  local names = {}
  for name in pairs(tooMany) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Adds what changed since it was published to a patch: name → value, or members.
-- @tparam table patch what was added before an error counts as published
function keys.changes(patch)
  local left, wanted = BYTES_A_MESSAGE, {}
  for _, name in ipairs(kept.names) do
    wanted[name] = true
    left = add(patch, name, publishable(name), left)
  end
  -- Of an earlier program.
  for name in pairs(kept.sent) do
    if not wanted[name] then
      left, tooMany[name] = add(patch, name, {}, left), nil
      if next(kept.sent[name]) == nil then kept.sent[name] = nil end
    end
  end
end

return keys
