--- What a process has to know about HyperBEAM nodes, which evaluate it like a legacy compute unit with some differences.
local tags = require("fleet.tags")

local node = {}

local function variant()
  local process = type(ao) == "table" and type(ao.env) == "table" and ao.env.Process
  local own = type(process) == "table" and process.Tags
  if type(own) ~= "table" then return nil end
  return type(own.Variant) == "string" and own.Variant or tags.first(own, "Variant")
end

local found

--- Whether this process runs on a node: processes there have the variant ao.N.1.
function node.isHere()
  if found == nil then
    local own = variant()
    if own == nil then return false end
    found = own == "ao.N.1"
  end
  return found
end

--- Tags by which a node recognizes a patch.
local MARKS = { device = "PATCH@1.0", method = "PATCH" }
--- Further names that a node takes for parts of the message itself.
local PARTS = { priv = true, body = true, path = true, dryrun = true }

--- Whether a node takes a tag of this name for a part of the message itself, or for the mark of a patch, whatever its value.
function node.isReserved(name)
  return MARKS[name:lower()] ~= nil or PARTS[name:lower()] == true
end

--- Whether a node cannot encode a name of a tag.
function node.isBroken(name)
  return name == "" or name:find("[%.%+%s]") ~= nil
end

--- Whether a node takes a message of the outbox for a patch: it sets the other tags in the state that it serves over HTTP, and does not
-- deliver the message.
function node.isPatch(message)
  for _, tag in ipairs(type(message) == "table" and type(message.Tags) == "table" and message.Tags or {}) do
    local name, value = type(tag) == "table" and tag.name, type(tag) == "table" and tag.value
    if type(name) == "string" and type(value) == "string" and MARKS[name:lower()] == value:upper() then return true end
  end
  return false
end

--- Text that a node can decode: the whole result of a message is lost with a byte that is not UTF-8.
function node.text(text)
  return utf8.len(text) and text or (text:gsub("[\128-\255]", "?"))
end

--- A patch, as a message of the outbox.
-- @tparam table values by their keys
function node.patch(values)
  local list, keys = { { name = "device", value = "patch@1.0" } }, {}
  for key in pairs(values) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do list[#list + 1] = { name = key, value = values[key] } end
  return { Anchor = ("0"):rep(32), Tags = list }
end

return node
