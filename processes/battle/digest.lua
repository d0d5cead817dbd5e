--- The hash of a battle's result: equal results have equal digests on every machine.
local json = require("fleet.json")
local sha256 = require("fleet.sha256")

local digest = {}

--- @param value any plain data
--- @return string 64 hexadecimal digits: sha256 of the canonical JSON
function digest.of(value)
  return sha256(json.encode(value))
end

return digest
