--- From the shape of a node's messages to that of aos. A node gives the keys of a message in lower case, and who signed it as
-- commitments: the id → device, committer and the keys that the signature covers. What no signature covers is not part of the message.
local message = {}

--- The sender and owner of a dry run, whose signature a node drops.
message.STRANGER = "1234"

-- What is not a tag, as in the messages that aos gets from a node.
local FIELDS = {
  id = true, anchor = true, owner = true, data = true, target = true, signature = true, commitments = true, body = true, from = true,
}
-- What a request by HTTP carries besides the message.
local TRANSPORT = {
  path = true, method = true, accept = true, ["accept-bundle"] = true, ["accept-codec"] = true, ["content-length"] = true,
  ["user-agent"] = true, host = true, connection = true, ["accept-language"] = true, ["accept-encoding"] = true, as = true,
  ["sec-fetch-mode"] = true, ["codec-device"] = true, ["ao-peer-port"] = true,
}

local function sorted(map)
  local keys = {}
  for key in pairs(map) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

--- The commitment that a message counts by: that of an ANS-104 item, or else of the first other signature.
-- @treturn ?string its id
-- @treturn ?table the commitment; nil for a message that nobody signed
function message.commitment(item)
  local commitments = type(item.commitments) == "table" and item.commitments or {}
  local other
  for _, id in ipairs(sorted(commitments)) do
    local each = commitments[id]
    if type(each) == "table" and type(each.committer) == "string" and each.committer ~= "" then
      if each["commitment-device"] == "ans104@1.0" then return id, each end
      other = other or id
    end
  end
  return other, other and commitments[other]
end

local function covered(item, commitment)
  local keys = commitment and commitment.committed
  if type(keys) ~= "table" or next(keys) == nil then return item end
  local found = { commitments = item.commitments }
  for _, key in pairs(keys) do
    key = tostring(key):gsub("%+link$", "")
    found[key] = item[key]
  end
  return found
end

local function headerCase(key)
  return (key:gsub("^%l", string.upper):gsub("%-%l", string.upper))
end

local function text(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind ~= "table" or type(value[1]) ~= "string" then return nil end
  -- A tag that occurs several times.
  local parts = {}
  for i, part in ipairs(value) do parts[i] = tostring(part) end
  return table.concat(parts, ",")
end

local function integer(value)
  local number = tonumber(value or "")
  return number and math.tointeger(number)
end

--- The tags of a message as their sender wrote them if the commitment has them, else in the case of HTTP headers.
function message.tags(item, commitment)
  local tags = {}
  local original = commitment and commitment["original-tags"]
  if type(original) == "table" then
    local at = 1
    local tag = original[at] or original[tostring(at)]
    while type(tag) == "table" do
      tags[at] = { name = tostring(tag.name), value = text(tag.value) or "" }
      at = at + 1
      tag = original[at] or original[tostring(at)]
    end
    return tags
  end
  for _, key in ipairs(sorted(item)) do
    local value = text(item[key])
    if not FIELDS[key] and value then tags[#tags + 1] = { name = headerCase(key), value = value } end
  end
  return tags
end

--- The process that a base message runs: { Id, Owner, Tags }.
function message.process(base)
  local item = type(base.process) == "table" and base.process or base
  local id, commitment = message.commitment(item)
  return { Id = id or "", Owner = commitment and commitment.committer or "", Tags = message.tags(covered(item, commitment), commitment) }
end

local function content(item)
  if item.data ~= nil then return text(item.data) end
  return text(item.body)
end

-- The message of a dry run by HTTP: the keys of the request itself.
local function unsigned(request)
  local item = {}
  for key, value in pairs(request) do
    if type(key) == "string" and not TRANSPORT[key:lower()] then item[key:lower()] = value end
  end
  return item
end

--- The message of a call of `compute`, with tags as a list.
-- @tparam table request the assignment of a slot; for a dry run, the request itself
-- @tparam string process id of the process
function message.read(request, process)
  local isAssignment = type(request.body) == "table"
  local item = isAssignment and request.body or unsigned(request)
  local id, commitment = message.commitment(item)
  item = covered(item, commitment)
  local owner = commitment and commitment.committer or message.STRANGER
  return {
    Id = id or message.STRANGER,
    Owner = owner,
    From = commitment and text(item["from-process"]) or owner,
    Target = text(item.target) or process,
    Anchor = text(item.anchor) or "",
    Signature = commitment and text(commitment.signature) or "",
    Data = content(item) or "",
    Tags = message.tags(item, commitment),
    Timestamp = integer(request.timestamp) or 0,
    Nonce = integer(request.slot),
    Epoch = integer(request.epoch) or 0,
    ["Block-Height"] = integer(request["block-height"]) or 0,
    ["Hash-Chain"] = text(request["hash-chain"]),
    Cron = false,
    ["Read-Only"] = not isAssignment or nil,
  }
end

return message
