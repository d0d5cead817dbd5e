--- A program that uses its settings. It reads them when it needs them, so a new version applies from the next message on.
local fleet = require("fleet")

fleet.process({ name = "hall", processType = "HALL", version = "1.0.0", capabilities = { "MATCHMAKING" } })

local waiting = fleet.state("waiting", { list = {} })

fleet.on("JOIN", { who = "anyone" }, function(_, msg)
  if not fleet.flag("ranked") then error(fleet.fail("CLOSED", "ranked games are closed", "Come back later.")) end
  table.insert(waiting.list, msg.From)
  return { waiting = #waiting.list, rounds = fleet.config("MATCHMAKING", "rounds", 1), till = (fleet.service("till")) }
end)

--- The sealed token is passed on unchanged: only the holder of the private key can open it.
fleet.on("WEBHOOK", { who = "deployer", data = false }, function()
  return { url = (fleet.service("prices")), token = fleet.config("ENVIRONMENT_VARS", "WEBHOOK_TOKEN") }
end)
