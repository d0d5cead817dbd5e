--- Ticks of the process' cron. A messenger unit makes them itself. Where no unit does, as on HyperBEAM, the fleet's monitor sends each as a
-- message that the owner signed, with the time for which it is sent. One tick is taken for each time: another one for the same or an earlier
-- time (a second monitor, the same bytes in another slot) is a repeated message.
local store = require("fleet.store")
local tags = require("fleet.tags")

local ticks = {}

--- Milliseconds by which the monitor's clock may be ahead of the scheduler's. A tick for a later time would suppress all those before it.
local AHEAD = 10 * 60 * 1000

--- The time for which the fleet's monitor sent a message as a tick, in milliseconds; nil for any other message. Only the owner's own
-- signature counts: not a tag that names the owner, nor what a process pushed or forwards.
-- @tparam table msg the message as the unit passed it
function ticks.scheduledAt(msg)
  if msg.From ~= Owner or msg.Owner ~= msg.From or msg.Target ~= ao.id or tags.first(msg.Tags, "On-Behalf-Of") then return nil end
  local at = math.tointeger(tonumber(tags.first(msg.Tags, "Cron-Scheduled")))
  if not at or at <= 0 or at > (tonumber(msg.Timestamp) or 0) + AHEAD then return nil end
  return at
end

--- Takes a tick.
-- @tparam table current the record of its message
-- @treturn boolean whether it is a repeated one
function ticks.take(current)
  local kept = store.ticks
  if current.scheduledAt then
    if kept.scheduledAt and current.scheduledAt <= kept.scheduledAt then return true end
    kept.scheduledAt = current.scheduledAt
  end
  kept.lastAt = current.at
  return false
end

return ticks
