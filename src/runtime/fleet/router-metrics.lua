--- The router's own metrics per service and revision, reset for each step: requests, their outcomes, and their latencies in
-- scheduler time. They are not undone with a failed handler, because they count what happened.
local calls = require("fleet.calls")
local envelope = require("fleet.envelope")
local run = require("fleet.run")
local state = require("fleet.state")
local json = require("fleet.json")

local metrics = {}

--- Maximum number of latencies per revision.
local KEPT = 256

--- Codes that count as faults of a revision; other codes are refusals because of the sender.
local FAULTS = {
  INTERNAL = true, TIMEOUT = true, BAD_REPLY = true, SERVICE_FAULT = true, CANCELLED = true, GONE = true, BUSY = true,
  MEMORY_LIMIT = true,
}

local M = state.declare("traffic-metrics", {}, { undo = "none" })

--- Resets the metrics; the current ones become those of the previous step.
-- @tparam string release
-- @tparam number step
function metrics.roll(release, step)
  M.before = M.now
  M.now = { release = release, step = step, since = envelope.now(), services = json.object() }
end

local function entry(of, service, id)
  local revisions = of.services[service]
  if not revisions then
    revisions = json.object()
    of.services[service] = revisions
  end
  if not revisions[id] then
    revisions[id] = { requests = 0, answered = 0, errors = 0, refused = 0, draining = 0, latencies = {}, next = 1 }
  end
  return revisions[id]
end

--- Counts a request; the returned function counts its answer, in the step of the request.
-- @treturn function `function(answer)` with the result of `fleet.answer`. Neither raises an error: a fault in the metrics must not lose
--   an answer.
function metrics.begin(service, id)
  local count = run.aside("traffic metrics", metrics.count, service, id)
  return function(answer)
    if count then run.aside("traffic metrics", count, answer) end
  end
end

--- Like `begin`, but may raise an error.
function metrics.count(service, id)
  local of = M.now
  if not of then return function() end end
  local one, started = entry(of, service, id), envelope.now()
  one.requests = one.requests + 1
  run.onFailure(function() one.requests = one.requests - 1 end)
  return function(answer)
    if answer.success then
      one.answered = one.answered + 1
    elseif FAULTS[answer.error.code] then
      one.errors = one.errors + 1
      -- The step of the request was already judged without it.
      if of ~= M.now then
        local now = entry(M.now, service, id)
        now.earlier = (now.earlier or 0) + 1
      end
    elseif answer.error.code == "DRAINING" then
      -- Sent by the old revision while its state is being moved; not a fault.
      one.draining = (one.draining or 0) + 1
    else
      one.refused = one.refused + 1
    end
    -- The duration of a time-out is the time limit and says nothing about the revision.
    if not answer.success and answer.error.code == "TIMEOUT" then return end
    one.latencies[one.next] = math.max(0, envelope.now() - started)
    one.next = one.next % KEPT + 1
  end
end

local NONE = { requests = 0, answered = 0, errors = 0, refused = 0, draining = 0, latencies = {} }

local function figures(one)
  return {
    requests = one.requests, answered = one.answered, errors = one.errors, refused = one.refused, draining = one.draining,
    latencies = one.latencies, earlier = one.earlier,
  }
end

local function shown(of)
  if not of then return nil end
  local services = json.object()
  for service, revisions in pairs(of.services) do
    services[service] = json.object()
    for id, one in pairs(revisions) do services[service][id] = figures(one) end
  end
  return { release = of.release, step = of.step, since = of.since, services = services }
end

-- The ages of each revision's open requests, whatever step they are from, oldest first.
local function ages(services)
  for _, revisions in pairs(services) do
    for _, one in pairs(revisions) do one.open = {} end
  end
  calls.counted(function(service, id, ms)
    services[service] = services[service] or json.object()
    local one = services[service][id] or figures(NONE)
    services[service][id], one.open = one, one.open or {}
    table.insert(one.open, ms)
  end)
  for _, revisions in pairs(services) do
    for _, one in pairs(revisions) do
      table.sort(one.open, function(a, b) return a > b end)
      for i = #one.open, KEPT + 1, -1 do one.open[i] = nil end
    end
  end
end

--- The figures of the current step, with open requests, and of the previous one, for a reply.
function metrics.report()
  local now = shown(M.now)
  if now then ages(now.services) end
  return now, shown(M.before)
end

return metrics
