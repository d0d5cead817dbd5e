--- The services that players may call. To all other processes only Info, HEALTH_CHECK and GET_STATISTICS are forwarded.
local enforce = require("enforce")

return {
  open = { battle = true, pokemon = true, shop = true },
  declared = false,
  objects = true,
  handler = "coordinator.service",
  admit = enforce.check,
}
