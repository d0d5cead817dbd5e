local json = require("json")

local reply = {}

local function send(msg, data)
  ao.send({ Target = msg.From, Action = msg.Action .. "-Response", Data = json.encode(data) })
end

function reply.ok(msg, data)
  data.success = true
  send(msg, data)
end

function reply.refuse(msg, code)
  send(msg, { success = false, error = { code = code } })
end

return reply
