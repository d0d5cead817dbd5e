--- Maintenance mode: checks continue, alerts about processes are suppressed.
local fleet = require("fleet")

local state = fleet.state("maintenance", { enabled = false, reason = "", since = 0, by = "" })

fleet.on("MAINTENANCE_MODE", {
  who = "deployer", schema = { enabled = { type = "boolean", required = true }, reason = { type = "string", maxLength = 500 } },
}, function(data, msg)
  if data.enabled ~= state.enabled then
    state.enabled, state.since, state.by = data.enabled, fleet.now(msg), msg.From
    fleet.log("INFO", "maintenance " .. (data.enabled and "begins" or "ends") .. ": " .. (data.reason or "no reason given"))
  end
  state.reason = data.reason or ""
  return { enabled = state.enabled, reason = state.reason, since = state.since }
end)

return {
  enabled = function() return state.enabled end,
  report = function() return { enabled = state.enabled, reason = state.reason, since = state.since } end,
}
