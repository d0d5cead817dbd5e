--- Tells players' requests from those of the fleet itself. The player's name is `fleet.player(msg)`.
local fleet = require("fleet")

local caller = {}

--- Whether the request comes from a deployer or from a wired process itself. A request that the coordinator forwards for a
-- player has only the role `anyone`: it is the player's request and not the coordinator's.
--- @param msg table
--- @return boolean
function caller.isService(msg)
  return fleet.is(msg, "peer")
end

return caller
