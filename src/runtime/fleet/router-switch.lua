--- Changes of a router's table: by a deployment's SET_TRAFFIC, and by an operator's TRAFFIC_COMMAND.
local envelope = require("fleet.envelope")
local faults = require("fleet.faults")
local json = require("fleet.json")
local kept = require("fleet.router-state")
local metrics = require("fleet.router-metrics")
local proofs = require("fleet.router-proofs")
local registry = require("fleet.registry")
local tables = require("fleet.router-table")

local switch = {}

-- Why a table is held, as codes for decisions; `reason` is for display only.
switch.HOLD_CODES = require("fleet.rollout-enums").holdCodes

local S = kept.state

local function isExpected(expect)
  if not S.table then return expect == nil end
  return expect ~= nil and expect.release == S.table.release and expect.step == S.table.step
    and (expect.serial == nil or expect.serial == S.serial)
end

local function assertWhole(data)
  tables.check(data.services)
  if data.lease and data.hold then
    kept.refuse("INVALID_DATA", "SET_TRAFFIC has both lease and hold", "Send only one of them: a held table does not expire.")
  elseif data.holdCode and not data.hold then
    kept.refuse("INVALID_DATA", "SET_TRAFFIC has holdCode without hold", "Send the reason for people as hold.")
  elseif data.lease and not S.proven then
    kept.refuse("NO_PROVEN_TABLE", "there is no proven table to return to", "Set a steady table first.")
  elseif data.lease and data.lease.revertTo ~= S.proven.release then
    kept.refuse("NO_PROVEN_TABLE", "the proven table is of release " .. S.proven.release:sub(1, 12), "Read GET_TRAFFIC and use its release as revertTo.")
  end
end

local function lease(data)
  if not data.lease then return nil end
  return { untilMs = envelope.now() + data.lease.forMs, revertTo = data.lease.revertTo, onEnd = data.lease.onEnd }
end

local function outcome(msg, repeated)
  return {
    release = S.table.release, step = S.table.step, mode = S.table.mode, serial = S.serial, repeated = repeated,
    at = envelope.now(), slot = envelope.of(msg).slot,
  }
end

-- A table that is held for another reason changes: runs, and an abort, decide by the reason.
local function isSameHold(data)
  return not data.hold or S.table.holdCode == data.holdCode and S.table.reason == data.hold
end

-- What a message that sets a table makes of earlier decisions.
local function forget(data, same, mode)
  local command = S.command and S.command.command
  -- A person who let the rollout continue did not know that its state cannot go back. An abort still counts.
  local isOverruled = data.holdCode == "stranded" and (command == "promote" or command == "resume")
  if not same or isOverruled then S.command = nil end
  -- An abort of an earlier rollout of this release does not count for this one.
  if mode ~= "held" and S.reverted and S.reverted.release == data.release then S.reverted = nil end
end

local function set(data, msg)
  local mode = data.lease and "rollout" or data.hold and "held" or "steady"
  local content = json.encode({ data.salt, data.services })
  local now = S.table
  local same = now and now.release == data.release and now.step == data.step
  if same and now.mode == mode and json.encode({ now.salt, now.services }) == content and isSameHold(data) then
    S.lease = lease(data)
    -- Sent again for the table that the router returned to: the state is back as well. A message from before the return expects another table.
    if mode == "steady" and S.reverted and isExpected(data.expect) then S.reverted.returned = true end
    return outcome(msg, true)
  end
  if not isExpected(data.expect) then
    kept.refuse("STALE_STEP", kept.place(data.expect) .. " is not in force, " .. kept.place(now) .. " is", "Read GET_TRAFFIC and start from that table.",
      { current = kept.ref(now) })
  end
  assertWhole(data)
  proofs.assertProven(data)
  forget(data, same, mode)
  S.serial = S.serial + 1
  -- Under a lease that ends in a hold, callers' state is with the new revisions; it stays there while the step is held.
  local handed = data.lease and data.lease.onEnd == "hold" or data.hold and same and kept.isHanded()
  S.table = {
    handed = handed or nil, release = data.release, step = data.step, salt = data.salt, mode = mode, reason = data.hold, holdCode = data.holdCode,
    at = envelope.now(), services = data.services,
  }
  S.lease = lease(data)
  if mode == "steady" then
    S.proven, S.command = S.table, nil
  end
  -- The metrics continue if only the mode changes.
  if not (same and json.encode({ now.salt, now.services }) == content) then metrics.roll(data.release, data.step) end
  proofs.prune()
  return outcome(msg, false)
end

local ID = { type = "string", required = true, pattern = "^[%w_-]+$", minLength = 43, maxLength = 43, like = "an AO process id" }
local NAME = { type = "string", required = true, minLength = 1, maxLength = 128 }
local STEP = { type = "integer", required = true, min = 0 }

local function optional(rule)
  local copy = {}
  for key, value in pairs(rule) do copy[key] = value end
  copy.required = nil
  return copy
end

local SERVICE = {
  type = "object",
  fields = {
    key = { type = "string", required = true, maxLength = 70, pattern = "^%a+:?[%w_-]*$", like = "sender, tag:<Name> or data:<member>" },
    routes = {
      type = "list", required = true, minLength = 1, maxLength = 8,
      items = {
        type = "object",
        fields = {
          processId = ID, revision = { type = "string", required = true, minLength = 1, maxLength = 64 },
          weightBp = { type = "integer", required = true, min = 0, max = tables.WHOLE },
        },
      },
    },
    testers = {
      type = "object",
      fields = { tag = { type = "string", required = true, minLength = 1, maxLength = 64 }, value = NAME, processId = ID },
    },
    mirror = optional(ID),
    faultWhen = faults.SCHEMA,
    actions = { type = "list", maxLength = 200, items = { type = "string", minLength = 1, maxLength = 64 } },
  },
}

registry.on("SET_TRAFFIC", {
  who = "deployer", control = true, strict = true,
  schema = {
    release = NAME, step = STEP, salt = NAME,
    expect = { type = "object", fields = { release = NAME, step = STEP, serial = { type = "integer", min = 0 } } },
    services = { type = "object", required = true, maxKeys = 256, values = SERVICE },
    lease = {
      type = "object",
      fields = {
        forMs = { type = "integer", required = true, min = 1000, max = 7 * 86400000 }, revertTo = NAME,
        onEnd = { type = "string", enum = { "revert", "hold" } },
      },
    },
    hold = { type = "string", minLength = 1, maxLength = 300 },
    holdCode = { type = "string", enum = switch.HOLD_CODES },
  },
}, set)

--- Whether a table splits a service's callers between several revisions, as at the end of an A/B test.
local function isSplit(of)
  for _, service in pairs(of.services) do
    local shares = 0
    for _, route in ipairs(service.routes) do
      if route.weightBp > 0 then shares = shares + 1 end
    end
    if shares > 1 then return true end
  end
  return false
end

--- Whether a command would cancel an abort that no run has carried out. After one has tried, a person may promote what cannot go back.
local function cancelsAbort(command)
  local now, last = S.table, S.command
  local isAborted = last and last.command == "abort" and last.release == now.release and last.step == now.step
  return isAborted and command ~= "abort" and not (command == "promote" and now.holdCode == "stranded")
end

registry.on("TRAFFIC_COMMAND", {
  who = "deployer", epoch = "optional", strict = true,
  schema = {
    command = { type = "string", required = true, enum = { "promote", "pause", "resume", "abort" } },
    release = optional(NAME),
  },
}, function(data, msg)
  local now = S.table
  if now and now.mode == "steady" and isSplit(now) then
    kept.refuse(
      "NO_ROLLOUT", "no rollout is in progress: " .. kept.place(now) .. " is a permanent split, the end of an A/B test",
      "To keep the new revision, set another trafficStrategy (INSTANT) and run fleet deploy; to keep the old one, run fleet rollback to its release."
    )
  elseif not now or now.mode == "steady" then
    kept.refuse("NO_ROLLOUT", "no rollout is in progress: " .. kept.place(now) .. " is steady", "Change the code and run fleet deploy to start one.")
  elseif data.release and data.release ~= now.release then
    kept.refuse("STALE_STEP", kept.place(now) .. " is in force, not release " .. data.release:sub(1, 12), "Check fleet status.", { current = kept.ref(now) })
  elseif data.command == "abort" and not S.proven then
    kept.refuse("NO_PROVEN_TABLE", "there is no proven table to return to", "Promote the rollout, or deploy another release.")
  elseif cancelsAbort(data.command) then
    local keep = now.holdCode == "stranded" and " To keep the new revision instead, run fleet promote." or ""
    kept.refuse(
      "ABORT_PENDING", kept.place(now) .. " was aborted, and no run has returned its state and traffic yet",
      "The run that watches the rollout returns them. If none does, run fleet deploy --refresh." .. keep
    )
  end
  S.command = { command = data.command, release = now.release, step = now.step, by = msg.From, at = envelope.now() }
  if data.command == "abort" then
    -- The proven table's revisions refuse requests while their state is with the new ones, so only a run returns both: the one that watches the
    -- table, or the next one. Until then the table is held: its lease would only hold it later, and no table that a run is about to set counts.
    local isKept = now.holdCode == "stranded" or kept.isHanded()
    if not isKept then
      kept.revert("abort")
    elseif now.mode == "held" then
      S.serial = S.serial + 1
    else
      kept.hold("paused", "aborted by hand")
    end
  elseif data.command == "pause" and now.mode ~= "held" then
    -- A table that is held already keeps its code: runs, and an abort, decide by it.
    kept.hold("paused", "paused by hand")
  end
  return { command = data.command, release = now.release, step = now.step, mode = S.table.mode, table = kept.ref(S.table) }
end)

return switch
