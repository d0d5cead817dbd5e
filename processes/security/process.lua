--- Validates players' actions, limits their rate, and enforces bans.
local fleet = require("fleet")

fleet.process({
  name = "security",
  processType = "SECURITY",
  version = "1.0.0",
  capabilities = { "ANTI_CHEAT", "VALIDATION", "SECURITY_MONITORING" },
})

require("trail")
require("bans")
require("rates")
require("incidents")
require("judgement")
