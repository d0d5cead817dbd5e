--- The router: sends requests to the revisions of services by a table that the deployer sets, and automatically returns to the last
-- proven table when a rollout's lease expires. `require("fleet.router")` makes a process a router; the fleet's coordinator is one.
--
-- The revision depends only on the request's key and the table's salt, never on chance: see `fleet.router-table`. Requests to a
-- service without a table go to the wired peer of its name.
local auth = require("fleet.auth")
local calls = require("fleet.calls")
local envelope = require("fleet.envelope")
local json = require("fleet.json")
local kept = require("fleet.router-state")
local metrics = require("fleet.router-metrics")
local published = require("fleet.published")
local registry = require("fleet.registry")
local store = require("fleet.store")
local switch = require("fleet.router-switch")
local tables = require("fleet.router-table")
local wiring = require("fleet.wiring")

local router = {}

local S = kept.state

--- Ends an expired lease. Runs at every message, including cron.
function router.tick()
  if not S.lease or envelope.now() < S.lease.untilMs then return end
  if S.lease.onEnd == "hold" then
    -- The previous revisions have handed their state over and refuse requests, so reverting would cause an outage.
    kept.hold("abandoned", "its deployer is gone, and the state is with the new revision")
  else
    kept.revert("lease")
  end
end

--- The process for a service's request, and whether it is a tester's; nil for an unknown service.
-- @tparam table request { player, tag?, data? }
function router.target(service, request)
  local entry = S.table and S.table.services[service]
  if not entry then return wiring.peer(service), false end
  return tables.choose(entry, S.table.salt, request)
end

-- Adds the request's key, which a process with partitioned state needs.
local function named(entry, request, options)
  local tags = { ["Traffic-Key"] = tables.key(entry.key, request) }
  for name, value in pairs(options and options.tags or {}) do tags[name] = value end
  local with = { tags = tags }
  for name, value in pairs(options or {}) do
    if name ~= "tags" then with[name] = value end
  end
  with.faultWhen = with.faultWhen or entry.faultWhen
  return with
end

--- The table's entry for a service, or nil.
function router.entry(service)
  return S.table and S.table.services[service] or nil
end

--- Names of all known services, sorted.
function router.services()
  local names, seen = {}, {}
  local function add(name)
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  for name in pairs(S.table and S.table.services or {}) do add(name) end
  for name in pairs(wiring.all()) do add(name) end
  table.sort(names)
  return names
end

--- Whether a service is in the table or wired.
function router.knows(service)
  return S.table ~= nil and S.table.services[service] ~= nil or wiring.peer(service) ~= nil
end

--- Calls a service's revision, like `fleet.call` for a peer.
-- @tparam table request { player, tag?, data? } by which the revision is chosen
-- @tparam table options those of `fleet.call`; `uncounted`: does not count for the revision
function router.call(service, request, action, data, continuation, options)
  local entry = S.table and S.table.services[service]
  if not entry then return wiring.call(service, action, data, continuation, options) end
  local id = tables.choose(entry, S.table.salt, request)
  options = named(entry, request, options)
  options.counted = not options.uncounted
  local sender = tostring(request.player)
  options.sender = sender
  local counted
  -- Only calls that forward a request end with it, see `calls.open`.
  local forwards = options.forwards
  options.forwards = forwards and function()
    if counted then counted(metrics.DROPPED) end
    forwards()
  end
  local correlation = calls.open(id, service, action, data, function(answer, msg, raw)
    if counted then counted(answer) end
    if continuation then continuation(answer, msg, raw) end
  end, options)
  if options.uncounted then return correlation end
  counted = metrics.begin(service, id, sender)
  if entry.mirror then
    local tags = { Mirror = "true" }
    for name, value in pairs(options.tags) do tags[name] = value end
    local seen
    -- A failure of the copy does not affect the request itself.
    local ok = pcall(calls.open, entry.mirror, service, action, data, function(answer)
      if seen then seen(answer) end
    end, {
      tags = tags, timeout = options.timeout, text = options.text, faultWhen = options.faultWhen, counted = true,
      sender = sender,
      forwards = function()
        if seen then seen(metrics.DROPPED) end
      end,
    })
    if ok then seen = metrics.begin(service, entry.mirror, sender) end
  end
  return correlation
end

registry.on("GET_TRAFFIC", { who = "anyone", readonly = true, always = true }, function(data, msg)
  -- Rollouts end in a steady table: nothing is judged then. Single callers are many, and only the judge needs them.
  local isJudges = auth.allows("deployer", msg)
  local now, before = metrics.report(S.table ~= nil and S.table.mode ~= "steady", isJudges and data.callers or nil)
  local proofs = json.object()
  for id, proof in pairs(S.proofs) do proofs[id] = proof end
  return {
    table = S.table, proven = S.proven, lease = S.lease, command = S.command, reverted = S.reverted, serial = S.serial, proofs = proofs,
    holdCodes = switch.HOLD_CODES,
    metrics = now, before = before, epoch = store.epoch, at = envelope.now(), slot = envelope.of(msg).slot,
  }
end)

-- The table without its figures, which change with every request.
published.add("traffic", function()
  return { serial = S.serial, lease = S.lease, command = S.command, epoch = store.epoch }
end, function()
  return {
    table = S.table, proven = S.proven, lease = S.lease, command = S.command, reverted = S.reverted, serial = S.serial,
    epoch = store.epoch, at = envelope.now(), slot = Fleet.current and Fleet.current.slot,
  }
end)

envelope.before = router.tick

return router
