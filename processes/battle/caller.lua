--- Whether somebody speaks for a player or for the fleet itself. The player's name is `fleet.player(msg)`.
local fleet = require("fleet")

local caller = {}

--- Whether a deployer, or one of the wired processes in its own name, asks. What the coordinator carries for a player
-- has no role but anyone's: that is the player's wish and not the coordinator's.
--- @param msg table
--- @return boolean
function caller.isService(msg)
  return fleet.is(msg, "peer")
end

return caller
