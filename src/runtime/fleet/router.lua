--- A router: carries requests to the revisions of services by a table that the deployer sets, and returns to the last proven
-- table by itself when a rollout's lease ends. `require("fleet.router")` makes a process one; the fleet's coordinator is.
--
-- Where a request goes is a matter of its key and the release's salt alone, never of chance: see `fleet.router-table`. A
-- service that no table names goes to the wired peer of its name.
local calls = require("fleet.calls")
local envelope = require("fleet.envelope")
local fail = require("fleet.fail")
local faults = require("fleet.faults")
local json = require("fleet.json")
local metrics = require("fleet.router-metrics")
local registry = require("fleet.registry")
local state = require("fleet.state")
local store = require("fleet.store")
local tables = require("fleet.router-table")
local wiring = require("fleet.wiring")

local router = {}

-- Why a table is held, to decide by; `reason` beside it is for people.
local HOLD_CODES = { "gate", "paused", "inconclusive", "error", "failed", "stranded", "abandoned" }
--- Proofs that are kept beyond those of the tables in use.
local MOST_PROOFS = 64

-- table, proven, lease { untilMs, revertTo, onEnd? }, command, reverted, serial, proofs { id → { release, revision, status, at } }
local S = state.declare("traffic", { serial = 0, proofs = {} })

local function refuse(code, message, remedy, more)
  error(fail.new(code, message, remedy, more))
end

local function ref(of)
  return of and { release = of.release, step = of.step, serial = S.serial } or nil
end

local function place(of)
  if not of then return "no table" end
  return "release " .. of.release:sub(1, 12) .. ", step " .. of.step
end

--- Whether callers of a service are given to several revisions by a table: an A/B test has ended as that.
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

local function revert(why)
  local from = S.table
  -- Who had the requests until now: what they did is in their state.
  S.reverted = { release = from.release, step = from.step, why = why, at = envelope.now(), salt = from.salt, services = from.services }
  S.table, S.lease, S.serial = S.proven, nil, S.serial + 1
  metrics.roll(S.table.release, S.table.step)
end

-- Keeps the table without an end: a lease would undo it.
local function hold(code, reason)
  S.table.mode, S.table.holdCode, S.table.reason, S.lease, S.serial = "held", code, reason, nil, S.serial + 1
end

--- Ends a lease whose time is over. Runs at every message, whoever sent it, cron too.
function router.tick()
  if not S.lease or envelope.now() < S.lease.untilMs then return end
  if S.lease.onEnd == "hold" then
    -- The revisions before have handed their state over and refuse requests: going back would be an outage, so it stays here.
    hold("abandoned", "its deployer is gone, and the state is with the new revision")
  else
    revert("lease")
  end
end

--- The process that a service's request goes to, and whether that is a tester's; nil where nothing is known of the service.
-- @tparam table request { player, tag?, data? }
function router.target(service, request)
  local entry = S.table and S.table.services[service]
  if not entry then return wiring.peer(service), false end
  return tables.choose(entry, S.table.salt, request)
end

-- The process needs a request's key where it keeps its state by key.
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

--- What the table has of a service, or nil.
function router.entry(service)
  return S.table and S.table.services[service] or nil
end

--- Names of all services that can be reached, sorted.
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

--- Whether a service can be reached: by the table, or by wiring.
function router.knows(service)
  return S.table ~= nil and S.table.services[service] ~= nil or wiring.peer(service) ~= nil
end

--- Calls a service's revision as `fleet.call` calls a peer.
-- @tparam table request { player, tag?, data? } by which the revision is chosen
-- @tparam table options as of `fleet.call`; `uncounted`: says nothing of the revision's work
function router.call(service, request, action, data, continuation, options)
  local entry = S.table and S.table.services[service]
  if not entry then return wiring.call(service, action, data, continuation, options) end
  local id = tables.choose(entry, S.table.salt, request)
  options = named(entry, request, options)
  options.counted = not options.uncounted
  local counted
  local correlation = calls.open(id, service, action, data, function(answer, msg, raw)
    if counted then counted(answer) end
    if continuation then continuation(answer, msg, raw) end
  end, options)
  if options.uncounted then return correlation end
  counted = metrics.begin(service, id)
  if entry.mirror then
    local tags = { Mirror = "true" }
    for name, value in pairs(options.tags) do tags[name] = value end
    local seen
    -- Whatever becomes of the copy, the request itself goes on.
    local ok = pcall(calls.open, entry.mirror, service, action, data, function(answer)
      if seen then seen(answer) end
    end, {
      tags = tags, timeout = options.timeout, text = options.text, faultWhen = options.faultWhen, counted = true,
    })
    if ok then seen = metrics.begin(service, entry.mirror) end
  end
  return correlation
end

-- What a share may not be raised above without a proof: what the process has already, now or in the table to go back to.
local function assertProven(data)
  local missing = {}
  for name, service in pairs(data.services) do
    local held = tables.shares(S.table and S.table.services[name])
    for id, share in pairs(tables.shares(S.proven and S.proven.services[name])) do held[id] = math.max(held[id] or 0, share) end
    for id, share in pairs(tables.shares(service)) do
      local proof = S.proofs[id]
      local revision = tables.revision(data.services, id)
      local isProven = proof ~= nil and proof.status == "proven" and proof.release == data.release
        and (revision == nil or proof.revision == revision)
      if share > (held[id] or 0) and not isProven then missing[#missing + 1] = name .. " " .. id end
    end
  end
  if #missing == 0 then return end
  table.sort(missing)
  refuse("UNPROVEN_TARGET", "these have not proved their health for release " .. data.release:sub(1, 12) .. ": " .. table.concat(missing, ", "),
    "Send PROVE_TARGETS and wait until GET_TRAFFIC shows them proven.", { targets = missing })
end

local function isExpected(expect)
  if not S.table then return expect == nil end
  return expect ~= nil and expect.release == S.table.release and expect.step == S.table.step
    and (expect.serial == nil or expect.serial == S.serial)
end

local function assertWhole(data)
  tables.check(data.services)
  if data.lease and data.hold then
    refuse("INVALID_DATA", "SET_TRAFFIC has a lease and a hold", "A held table has no end: send one of them.")
  elseif data.holdCode and not data.hold then
    refuse("INVALID_DATA", "SET_TRAFFIC has a holdCode and no hold", "Send the sentence for people as hold.")
  elseif data.lease and not S.proven then
    refuse("NO_PROVEN_TABLE", "there is no proven table to return to", "Set a steady one first.")
  elseif data.lease and data.lease.revertTo ~= S.proven.release then
    refuse("NO_PROVEN_TABLE", "the proven table is of release " .. S.proven.release:sub(1, 12), "Read GET_TRAFFIC and name that one.")
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

local function prune()
  local used, rest = {}, {}
  for _, of in ipairs({ S.table, S.proven }) do
    for _, service in pairs(of and of.services or {}) do
      for id in pairs(tables.shares(service)) do used[id] = true end
    end
  end
  for id, proof in pairs(S.proofs) do
    if not used[id] then rest[#rest + 1] = { id, proof.at } end
  end
  table.sort(rest, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  for i = MOST_PROOFS + 1, #rest do S.proofs[rest[i][1]] = nil end
end

local function set(data, msg)
  local mode = data.lease and "rollout" or data.hold and "held" or "steady"
  local content = json.encode({ data.salt, data.services })
  local now = S.table
  local same = now and now.release == data.release and now.step == data.step
  if same and now.mode == mode and json.encode({ now.salt, now.services }) == content then
    S.lease = lease(data)
    return outcome(msg, true)
  end
  if not isExpected(data.expect) then
    refuse("STALE_STEP", place(data.expect) .. " is not in force: " .. place(now) .. " is", "Read GET_TRAFFIC and begin from there.",
      { current = ref(now) })
  end
  assertWhole(data)
  assertProven(data)
  if not same then S.command = nil end
  S.serial = S.serial + 1
  S.table = {
    release = data.release, step = data.step, salt = data.salt, mode = mode, reason = data.hold, holdCode = data.holdCode,
    at = envelope.now(), services = data.services,
  }
  S.lease = lease(data)
  if mode == "steady" then
    S.proven, S.command = S.table, nil
  end
  -- The same shares in another mode: what was measured goes on counting.
  if not (same and json.encode({ now.salt, now.services }) == content) then metrics.roll(data.release, data.step) end
  prune()
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
    holdCode = { type = "string", enum = HOLD_CODES },
  },
}, set)

local ACCEPTED = { HEALTHY = true, DEGRADED = true }

local function judged(proof, nonce, answer)
  local function say(status, detail)
    proof.status, proof.detail, proof.at = status, detail and tostring(detail):sub(1, 300), envelope.now()
  end
  if not answer.success then
    say("refused", answer.error.code .. ": " .. tostring(answer.error.message))
  elseif answer.nonce ~= nonce then
    say("refused", "it answered another question than the one that was asked")
  elseif answer.sourceHash ~= proof.revision then
    say("refused", "it runs code " .. tostring(answer.sourceHash):sub(1, 8) .. ", not " .. proof.revision:sub(1, 8))
  elseif not ACCEPTED[answer.healthStatus] then
    local bad = {}
    for _, check in ipairs(type(answer.checks) == "table" and answer.checks or {}) do
      if check.status == "UNHEALTHY" then bad[#bad + 1] = tostring(check.name) .. ": " .. tostring(check.detail) end
    end
    say("refused", "it is " .. tostring(answer.healthStatus) .. " (" .. table.concat(bad, "; ") .. ")")
  else
    say("proven")
  end
end

registry.on("PROVE_TARGETS", {
  who = "deployer", control = true, strict = true,
  schema = {
    release = NAME,
    targets = { type = "object", required = true, minKeys = 1, maxKeys = 256, keys = optional(ID), values = { type = "string", minLength = 1, maxLength = 64 } },
  },
}, function(data, msg)
  local ids, asked = {}, {}
  for id in pairs(data.targets) do ids[#ids + 1] = id end
  table.sort(ids)
  for i, id in ipairs(ids) do
    local revision, known = data.targets[id], S.proofs[id]
    local done = known and known.status == "proven" and known.release == data.release and known.revision == revision
    if not done then
      local nonce = tostring(msg.Id) .. ":" .. i
      local proof = { release = data.release, revision = revision, status = "asked", at = envelope.now() }
      S.proofs[id] = proof
      asked[#asked + 1] = id
      calls.open(id, id, "HEALTH_CHECK", { healthCheck = { checkType = "ALL", nonce = nonce, expectedSourceHash = revision } }, function(answer)
        -- Asked again meanwhile, or forgotten: this answer is to nothing.
        if S.proofs[id] == proof then judged(proof, nonce, answer) end
      end)
    end
  end
  return { asked = asked, count = #asked }
end)

registry.on("GET_TRAFFIC", { who = "anyone", readonly = true, always = true }, function(_, msg)
  local now, before = metrics.report()
  local proofs = json.object()
  for id, proof in pairs(S.proofs) do proofs[id] = proof end
  return {
    table = S.table, proven = S.proven, lease = S.lease, command = S.command, reverted = S.reverted, serial = S.serial, proofs = proofs,
    holdCodes = HOLD_CODES,
    metrics = now, before = before, epoch = store.epoch, at = envelope.now(), slot = envelope.of(msg).slot,
  }
end)

registry.on("TRAFFIC_COMMAND", {
  who = "deployer", epoch = "optional", strict = true,
  schema = {
    command = { type = "string", required = true, enum = { "promote", "pause", "resume", "abort" } },
    release = optional(NAME),
  },
}, function(data, msg)
  local now = S.table
  if now and now.mode == "steady" and isSplit(now) then
    refuse(
      "NO_ROLLOUT", "no rollout is under way: " .. place(now) .. " is a steady split, as an A/B test ends",
      "To end the test for the new revision, set another trafficStrategy (INSTANT) and run fleet deploy; for the old one, run fleet rollback to its release."
    )
  elseif not now or now.mode == "steady" then
    refuse("NO_ROLLOUT", "no rollout is under way: " .. place(now) .. " is steady", "Change the code, then begin one: fleet deploy.")
  elseif data.release and data.release ~= now.release then
    refuse("STALE_STEP", place(now) .. " is in force, not release " .. data.release:sub(1, 12), "Look at fleet status.", { current = ref(now) })
  elseif data.command == "abort" and not S.proven then
    refuse("NO_PROVEN_TABLE", "there is no proven table to return to", "Promote it, or deploy another release.")
  end
  S.command = { command = data.command, release = now.release, step = now.step, by = msg.From, at = envelope.now() }
  if data.command == "abort" then
    revert("abort")
  elseif data.command == "pause" then
    hold("paused", "paused by hand")
  end
  return { command = data.command, release = now.release, step = now.step, mode = S.table.mode, table = ref(S.table) }
end)

envelope.before = router.tick

return router
