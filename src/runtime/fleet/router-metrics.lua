--- The router's own metrics per service and revision, reset for each step: requests, their outcomes, and their latencies in
-- scheduler time. They are not undone with a failed handler, because they count what happened.
local callers = require("fleet.router-callers")
local calls = require("fleet.calls")
local envelope = require("fleet.envelope")
local run = require("fleet.run")
local state = require("fleet.state")
local json = require("fleet.json")

local metrics = {}

--- Maximum number of latencies per revision.
local KEPT = 256

--- Maximum number of senders per revision whose own figures are known. A sender that is not among them has a small part of the requests.
local SENDERS = 16

--- Codes that count as faults of a revision; other codes are refusals because of the sender.
local FAULTS = {}
for _, code in ipairs(require("fleet.rollout-enums").faultCodes) do FAULTS[code] = true end

local M = state.declare("traffic-metrics", {}, { undo = "none", own = true })

--- Resets the metrics; the current ones become those of the previous step.
-- @tparam string release
-- @tparam number step
function metrics.roll(release, step)
  callers.begin(release)
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
    revisions[id] = { requests = 0, answered = 0, errors = 0, refused = 0, draining = 0, latencies = {}, next = 1, callers = callers.none() }
  end
  return revisions[id]
end

-- The entry that says least about a sender who decides a judgement: fewest faults and refusals, then fewest requests, then the oldest.
local function leastOf(senders)
  local least, name
  for sender, own in pairs(senders) do
    local bad = own.errors + own.refused
    local worst = least and least.errors + least.refused
    if not least or bad < worst or bad == worst and (own.requests < least.requests or own.requests == least.requests and own.order < least.order) then
      least, name = own, sender
    end
  end
  return name
end

-- The figures of one sender. A judgement needs them, because no sender decides alone.
local function ofSender(one, sender)
  one.senders = one.senders or json.object()
  local own = one.senders[sender]
  if own then return own end
  local n = 0
  for _ in pairs(one.senders) do n = n + 1 end
  if n >= SENDERS then one.senders[leastOf(one.senders)] = nil end
  one.met = (one.met or 0) + 1
  own = { requests = 0, answered = 0, errors = 0, refused = 0, draining = 0, earlier = 0, order = one.met }
  one.senders[sender] = own
  return own
end

local function add(one, sender, kind, n)
  one[kind] = (one[kind] or 0) + n
  local own = ofSender(one, sender)
  own[kind] = own[kind] + n
  callers.add(one.callers, sender, kind, n)
end

-- A sender replaces its own oldest latency if it has half of them: nobody drives out those of others.
local function time(one, sender, ms)
  one.latencyOf = one.latencyOf or {}
  local of, oldest, n = one.latencyOf, nil, 0
  for i = 0, KEPT - 1 do
    local at = (one.next - 1 + i) % KEPT + 1
    if of[at] == sender then oldest, n = oldest or at, n + 1 end
  end
  local at = n >= KEPT // 2 and oldest or one.next
  one.latencies[at], of[at] = ms, sender
  if at == one.next then one.next = one.next % KEPT + 1 end
end

--- Counts a request; the returned function counts its answer, in the step of the request.
-- @tparam string sender who asks
-- @treturn function `function(answer)` with the result of `fleet.answer`, or `metrics.DROPPED`. Neither raises an error: a fault in the metrics must not lose
--   an answer.
function metrics.begin(service, id, sender)
  local count = run.aside("traffic metrics", metrics.count, service, id, sender)
  return function(answer)
    if count then run.aside("traffic metrics", count, answer) end
  end
end

--- The answer of a request that lost its place at the router: it is not counted.
metrics.DROPPED = {}

--- Like `begin`, but may raise an error.
function metrics.count(service, id, sender)
  local of = M.now
  if not of then return function() end end
  local one, started, slot = entry(of, service, id), envelope.now(), Fleet.current and Fleet.current.slot
  add(one, sender, "requests", 1)
  run.onFailure(function() add(one, sender, "requests", -1) end)
  return function(answer)
    if answer == metrics.DROPPED then
      add(one, sender, "requests", -1)
      return run.onFailure(function() add(one, sender, "requests", 1) end)
    end
    if answer.success then
      add(one, sender, "answered", 1)
      callers.serves(service)
    elseif FAULTS[answer.error.code] then
      add(one, sender, "errors", 1)
      -- The step of the request was already judged without it.
      if of ~= M.now then add(entry(M.now, service, id), sender, "earlier", 1) end
    elseif answer.error.code == "DRAINING" then
      -- Sent by the old revision while its state is being moved; not a fault.
      add(one, sender, "draining", 1)
    else
      add(one, sender, "refused", 1)
    end
    -- The duration of a time-out is the time limit and says nothing about the revision.
    local ms = (answer.success or answer.error.code ~= "TIMEOUT") and math.max(0, envelope.now() - started) or nil
    callers.ended(one.callers, sender, answer, slot, ms, not answer.success and FAULTS[answer.error.code] ~= nil)
    if ms then time(one, sender, ms) end
  end
end

local NONE = { requests = 0, answered = 0, errors = 0, refused = 0, draining = 0, latencies = {} }

local function senders(one)
  local list = json.object()
  for sender, own in pairs(one.senders or {}) do
    list[sender] = {
      requests = own.requests, answered = own.answered, errors = own.errors, refused = own.refused, draining = own.draining,
      earlier = own.earlier, latencies = {}, open = {},
    }
  end
  for i, sender in pairs(one.latencyOf or {}) do
    if list[sender] then table.insert(list[sender].latencies, one.latencies[i]) end
  end
  return list
end

local function figures(one, detailed, withCallers)
  return {
    requests = one.requests, answered = one.answered, errors = one.errors, refused = one.refused, draining = one.draining,
    latencies = one.latencies, earlier = one.earlier, senders = detailed and senders(one) or nil,
    callers = withCallers and one.callers and callers.report(one.callers) or nil,
  }
end

local function shown(of, detailed, asked)
  if not of then return nil end
  local services = json.object()
  for service, revisions in pairs(of.services) do
    services[service] = json.object()
    for id, one in pairs(revisions) do services[service][id] = figures(one, detailed, asked[service]) end
  end
  return { release = of.release, step = of.step, since = of.since, services = services }
end

local function oldestFirst(list)
  table.sort(list, function(a, b) return a > b end)
  for i = #list, KEPT + 1, -1 do list[i] = nil end
end

-- The ages of each revision's open requests, whatever step they are from, oldest first.
local function ages(services)
  local byId = {}
  for _, revisions in pairs(services) do
    for _, one in pairs(revisions) do one.open = {} end
  end
  calls.counted(function(service, id, ms, sender)
    services[service] = services[service] or json.object()
    local one = services[service][id] or figures(NONE)
    services[service][id], one.open = one, one.open or {}
    table.insert(one.open, ms)
    local own = one.senders and one.senders[sender]
    if own then table.insert(own.open, ms) end
    if one.callers and not byId[one] then
      byId[one] = {}
      for _, caller in ipairs(one.callers) do byId[one][caller.id] = caller end
    end
    local caller = byId[one] and byId[one][sender]
    if caller then table.insert(caller.open, ms) end
  end)
  for _, revisions in pairs(services) do
    for _, one in pairs(revisions) do
      oldestFirst(one.open)
      for _, own in pairs(one.senders or {}) do oldestFirst(own.open) end
    end
  end
end

-- Those of the asked services that answered callers before the release: whether nobody called before is not known from a step's figures.
local function servedBefore(asked)
  local names = {}
  for name, isAsked in pairs(asked) do
    if isAsked and callers.wasServed(name) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- The figures of the current step, with open requests, and of the previous one, for a reply.
-- @tparam boolean detailed with the figures of each revision's senders, which only a judgement needs
-- @param services names of the services whose single callers are wanted as well; anything but a list of names is none
function metrics.report(detailed, services)
  local asked = {}
  for _, name in pairs(type(services) == "table" and services or {}) do asked[name] = detailed end
  local now = shown(M.now, detailed, asked)
  if now then
    ages(now.services)
    if next(asked) then now.servedBefore = servedBefore(asked) end
  end
  return now, shown(M.before, detailed, asked)
end

return metrics
