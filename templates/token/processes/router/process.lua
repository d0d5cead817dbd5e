-- Forwards requests with the tag `Service` to the revision that serves their caller.
local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve()
