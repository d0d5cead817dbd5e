--- Replies have one shape and go only to the sender of the request.
-- `Reply-To` is ignored: anyone could otherwise make this process send messages to any other.
local fail = require("fleet.fail")
local json = require("fleet.json")
local envelope = require("fleet.envelope")
local replyLimits = require("fleet.reply-limits")
local sendable = require("fleet.sendable")
local sentFor = require("fleet.sent-for")

local reply = {}

local MAX_CORRELATION, MAX_REFERENCE = 256, 256

--- The recipient of the reply to a message, and how it is recognised there. A message that is itself a reply has no recipient.
function reply.address(msg)
  local correlation = envelope.tag(msg, "Correlation-Id")
  if correlation == nil or correlation == "" or #correlation > MAX_CORRELATION then
    correlation = tostring(envelope.of(msg).id or "")
  end
  local reference = envelope.tag(msg, "Reference")
  return {
    target = not replyLimits.isReply(msg) and msg.From or nil,
    -- An answer names the action twice: a long one would not fit, and the sender would hear nothing.
    action = sendable.name(tostring(msg.Action)),
    correlation = correlation,
    -- aos' own number of a process' message; `receive` of an aos sender waits for it.
    reference = reference and #reference <= MAX_REFERENCE and reference or nil,
    number = envelope.of(msg).reference,
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

local function tagsOf(to, ok, more)
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
  return tags
end

--- Sends the result of `success` or `failure`. If the network cannot carry the further tags, the answer says that instead.
-- @tparam table to the result of `reply.address`
-- @tparam ?table more further tags by name; those of the reply itself take precedence
function reply.send(to, ok, text, more)
  if to.target == nil or to.target == "" then return end
  local tags = tagsOf(to, ok, more)
  local problem = more and sendable.problem(tags)
  if problem then
    tags = tagsOf(to, false)
    text = reply.failure(fail.new("TOO_LARGE", "the answer cannot be sent on: " .. problem,
      ok and "The request was performed. Read its outcome in another way." or "The request was refused."))
  end
  sentFor.with({ from = to.target, reference = to.number or to.reference }, ao.send, { Target = to.target, Data = text, Tags = tags })
end

--- Whether an action is an answer. Answers are never answered, because two processes would otherwise send messages forever.
function reply.isResponse(action)
  return type(action) == "string" and action:sub(-9) == "-Response"
end

return reply
