--- Settings that a deployer sent directly to processes: reported afterwards, so that the ledger contains them.
local fleet = require("fleet")
local ledger = require("ledger")

local CHANGE = {
  type = "object", strict = true,
  fields = {
    processId = { type = "string", required = true, minLength = 1, maxLength = 128 },
    configType = { type = "string", required = true, minLength = 1, maxLength = 64 },
    version = { type = "integer", required = true, min = 0 },
    hash = { type = "string", required = true, minLength = 1, maxLength = 128 },
  },
}

fleet.on("CONFIG_CHANGED", {
  who = "deployer", epoch = "optional", once = true, strict = true,
  schema = {
    reason = { type = "string", required = true, minLength = 1, maxLength = 200 },
    changes = { type = "list", required = true, minLength = 1, maxLength = 200, items = CHANGE },
  },
}, function(data, msg)
  for _, change in ipairs(data.changes) do
    ledger.write("CONFIG_CHANGED", {
      processId = change.processId, configType = change.configType, version = change.version, hash = change.hash, reason = data.reason,
    }, msg)
  end
  return { recorded = #data.changes }
end)
