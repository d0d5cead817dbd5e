--- The state of a router: its table, the last proven one, the lease that returns to that, and the proofs.
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local metrics = require("fleet.router-metrics")
local state = require("fleet.state")

local kept = {}

-- table, proven, lease { untilMs, revertTo, onEnd? }, command, reverted { …, returned? }, serial, proofs { id → { release, revision, status, at } }
local S = state.declare("traffic", { serial = 0, proofs = {} }, { own = true })
kept.state = S

--- Raises a refusal.
function kept.refuse(code, message, remedy, more)
  error(fail.new(code, message, remedy, more))
end

--- The reference to a table in a message.
function kept.ref(of)
  return of and { release = of.release, step = of.step, serial = S.serial } or nil
end

--- The same for display.
function kept.place(of)
  if not of then return "no table" end
  return "release " .. of.release:sub(1, 12) .. ", step " .. of.step
end

--- Returns to the proven table.
function kept.revert(why)
  local from = S.table
  -- Records the previous routes, because the state of those processes has changed.
  S.reverted = { release = from.release, step = from.step, why = why, at = envelope.now(), salt = from.salt, services = from.services }
  S.table, S.lease, S.serial = S.proven, nil, S.serial + 1
  metrics.roll(S.table.release, S.table.step)
end

--- Whether callers' state is with the revisions of the table in force. One that an earlier version set shows it by its lease alone.
function kept.isHanded()
  return (S.table.handed or S.lease and S.lease.onEnd == "hold") and true or nil
end

--- Holds the table without expiry: a lease would undo it.
function kept.hold(code, reason)
  S.table.handed = kept.isHanded()
  S.table.mode, S.table.holdCode, S.table.reason, S.lease, S.serial = "held", code, reason, nil, S.serial + 1
end

return kept
