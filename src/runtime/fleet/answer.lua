--- Parses replies of any program: whatever their data, the continuation gets a table with `success`, and if that is false, an `error`
-- with `code` and `message`.
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local faults = require("fleet.faults")
local json = require("fleet.json")
local node = require("fleet.node")

local answers = {}

--- Tags of the message itself, which are not part of its content.
local OWN = {
  ["Action"] = true, ["Correlation-Id"] = true, ["Status"] = true, ["Request-Action"] = true, ["Reply-Action"] = true,
  ["Reference"] = true, ["X-Reference"] = true, ["X-Origin"] = true, ["Reply-To"] = true, ["Forwarded-By"] = true,
  ["Data-Protocol"] = true, ["Variant"] = true, ["Type"] = true, ["From-Process"] = true, ["From-Module"] = true, ["Ref_"] = true,
  ["Pushed-For"] = true, ["Read-Only"] = true, ["Fleet-Notice"] = true, ["Fleet-For"] = true, ["Fleet-Sent-For"] = true,
  ["On-Behalf-Of"] = true, ["Traffic-Key"] = true, ["Service"] = true, ["Epoch"] = true, ["Target"] = true, ["Data"] = true, ["Anchor"] = true, ["From"] = true, ["Owner"] = true,
  ["Id"] = true, ["Timestamp"] = true, ["Nonce"] = true, ["Block-Height"] = true, ["Hash-Chain"] = true, ["Cron"] = true,
  ["Module"] = true, ["Tags"] = true, ["TagArray"] = true, ["Signature"] = true, ["Assignments"] = true, ["Mirror"] = true,
}
local OWN_LOWER = {}
for name in pairs(OWN) do OWN_LOWER[name:lower()] = true end
local MOST_TAGS = 64

-- Whether a tag is none of the content. Nodes do not distinguish the case of names: there, a sender's `on-behalf-of` would replace the one
-- that the router writes, and `device` would make the forwarded message a patch of this process' own state.
local function isOfMessage(name)
  return OWN[name] or node.isHere() and (OWN_LOWER[name:lower()] or node.isReserved(name))
end

--- Tags of a message that are part of its content and can be forwarded, by name.
function answers.tags(msg)
  local tags, names = {}, {}
  for name, value in pairs(type(msg.Tags) == "table" and msg.Tags or {}) do
    if type(name) == "string" and type(value) == "string" and value ~= "" and not isOfMessage(name) then names[#names + 1] = name end
  end
  table.sort(names)
  for i = 1, math.min(#names, MOST_TAGS) do tags[names[i]] = msg.Tags[names[i]] end
  return tags
end

local function textOf(msg)
  local data = envelope.of(msg).data
  if data == nil or type(data) == "string" then return data or "" end
  local ok, text = pcall(json.encode, data)
  return ok and text or tostring(data)
end

local function brief(tags, value, text)
  local said = tags.Error or text
  if type(value) == "table" and type(value.error) == "string" then said = value.error end
  return said ~= "" and cut(said, 200) or tostring(tags.Action or "nothing")
end

-- The library's own shape: `success`, with a code if it is false.
local function isOwn(value)
  if type(value) ~= "table" or type(value.success) ~= "boolean" then return false end
  return value.success or type(value.error) == "table" and type(value.error.code) == "string"
end

--- Parses the reply to a call.
-- @tparam table call { name, action, faultWhen? }
-- @treturn table JSON objects unchanged, anything else as `data`; with `success`, and `error` if that is false: `SERVICE_FAULT`
--   or `SERVICE_REFUSED` with the original reply as `reply`, if the program does not use the fleet's codes
-- @treturn table { text, action, tags }: the original reply
function answers.read(call, msg)
  local text = textOf(msg)
  local tags = type(msg.Tags) == "table" and msg.Tags or {}
  local raw = { text = text, action = type(msg.Action) == "string" and msg.Action or "", tags = answers.tags(msg) }
  local value
  if text ~= "" then value = json.decode(text) end
  if isOwn(value) and not value.success then
    value.error.message = tostring(value.error.message or value.error.code)
    return value, raw
  end
  local verdict = faults.judge(tags, value, call.faultWhen)
  if not verdict and isOwn(value) then return value, raw end
  local said = value
  if said == nil and text ~= "null" then said = text end
  local answer = json.object()
  if type(value) == "table" and not json.isArray(value) then
    for name, member in pairs(value) do answer[name] = member end
  else
    answer.data = said
  end
  answer.success = verdict == nil
  if verdict then
    answer.error = {
      code = verdict == "refusal" and "SERVICE_REFUSED" or "SERVICE_FAULT",
      message = call.name .. " answered " .. call.action .. " with an error: " .. brief(tags, value, text),
      remedy = "See its own reply in `reply`.", reply = said,
    }
  end
  return answer, raw
end

return answers
