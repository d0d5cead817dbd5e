--- Replies have one shape and go only to the sender of the request.
-- `Reply-To` is ignored: anyone could otherwise make this process send messages to any other.
local fail = require("fleet.fail")
local json = require("fleet.json")
local envelope = require("fleet.envelope")
local replyLimits = require("fleet.reply-limits")

local reply = {}

local MAX_CORRELATION = 256

--- The recipient of the reply to a message, and how it is recognised there. A message that is itself a reply has no recipient.
function reply.address(msg)
  local correlation = envelope.tag(msg, "Correlation-Id")
  if correlation == nil or correlation == "" or #correlation > MAX_CORRELATION then
    correlation = tostring(envelope.of(msg).id or "")
  end
  return {
    target = not replyLimits.isReply(msg) and msg.From or nil,
    action = tostring(msg.Action),
    correlation = correlation,
    -- aos' own number of a process' message; `receive` of an aos sender waits for it.
    reference = envelope.tag(msg, "Reference"),
  }
end

--- The JSON text of a success. Raises a string if the data cannot be encoded.
function reply.success(data)
  local body = { success = true }
  for key, value in pairs(data or {}) do body[key] = value end
  body.success = true
  return json.encode(body)
end

--- The JSON text of a failure from `fail.new`.
function reply.failure(failure)
  local ok, text = pcall(json.encode, { success = false, error = fail.body(failure) })
  if ok then return text end
  return json.encode({ success = false, error = { code = failure.code, message = failure.message, remedy = failure.remedy } })
end

--- Sends the result of `success` or `failure`.
-- @tparam table to the result of `reply.address`
-- @tparam ?table more further tags by name; those of the reply itself take precedence
function reply.send(to, ok, text, more)
  if to.target == nil or to.target == "" then return end
  local tags = {
    { name = "Action", value = ok and to.action .. "-Response" or "Error-Response" },
    { name = "Correlation-Id", value = to.correlation },
    { name = "Status", value = ok and "ok" or "error" },
    { name = "Request-Action", value = to.action },
  }
  if to.reference then tags[#tags + 1] = { name = "X-Reference", value = to.reference } end
  local names = {}
  for name in pairs(more or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do tags[#tags + 1] = { name = name, value = tostring(more[name]) } end
  ao.send({ Target = to.target, Data = text, Tags = tags })
end

--- Whether an action is an answer. Answers are never answered, because two processes would otherwise send messages forever.
function reply.isResponse(action)
  return type(action) == "string" and action:sub(-9) == "-Response"
end

return reply
