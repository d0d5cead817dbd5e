local fleet = require("fleet")
fleet.process { name = "quotes", version = "1.0.0", capabilities = {} }

local EDITION = "first"

local REQUEST = {
  item = { type = "string", required = true },
  amount = { type = "integer", required = true, min = 1 },
}

fleet.on("QUOTE", { schema = REQUEST }, function(data, msg)
  -- Nothing blocks: the price arrives in another message, and the continuation answers the request.
  fleet.call("prices", "PRICE", { item = data.item }, function(reply)
    if not reply.success then return fleet.replyError(msg, reply.error) end
    fleet.reply(msg, { edition = EDITION, total = reply.price * data.amount })
  end)
  return fleet.later(msg)
end)
