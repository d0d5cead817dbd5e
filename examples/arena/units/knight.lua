local Unit, units = require "./unit", require "examples.arena.units"
local Knight = Unit.extend("knight", 30, 4)
units.register("knight", Knight)
return Knight
