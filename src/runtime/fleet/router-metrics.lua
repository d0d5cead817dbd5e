--- What the router counts by itself, per service and revision, anew for each step: requests, how they ended, and how long they
-- took by the scheduler's time. Kept apart from states that are undone: a count is of what happened.
local calls = require("fleet.calls")
local envelope = require("fleet.envelope")
local run = require("fleet.run")
local state = require("fleet.state")
local json = require("fleet.json")

local metrics = {}

--- Latencies of one revision that are kept.
local KEPT = 256

--- Codes by which a revision has failed, rather than refused for a reason of the sender's.
local FAULTS = {
  INTERNAL = true, TIMEOUT = true, BAD_REPLY = true, SERVICE_FAULT = true, CANCELLED = true, GONE = true, BUSY = true,
  MEMORY_LIMIT = true,
}

local M = state.declare("traffic-metrics", {}, { undo = "none" })

--- Begins to count anew; what was counted stays as that of the step before.
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

--- Counts a request; the function that is returned counts its answer, in the step in which it was asked.
-- @treturn function `function(answer)`: what `fleet.answer` read. Neither raises: a figure that cannot be kept is a fault of the process
--   and no reason to lose an answer.
function metrics.begin(service, id)
  local count = run.aside("traffic metrics", metrics.count, service, id)
  return function(answer)
    if count then run.aside("traffic metrics", count, answer) end
  end
end

--- As `begin`, and raises.
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
      -- The step in which it was asked was judged without it.
      if of ~= M.now then
        local now = entry(M.now, service, id)
        now.earlier = (now.earlier or 0) + 1
      end
    elseif answer.error.code == "DRAINING" then
      -- Of the old revision while its state goes to the new one, and then nobody's fault.
      one.draining = (one.draining or 0) + 1
    else
      one.refused = one.refused + 1
    end
    -- How long somebody waited in vain says how long the wait was set, nothing of the revision.
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

-- For how long each revision's requests have been without an answer, whatever step they were asked in; the oldest first.
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

--- The figures of the step, with what is open now, and of the one before, for a reply.
function metrics.report()
  local now = shown(M.now)
  if now then ages(now.services) end
  return now, shown(M.before)
end

return metrics
