-- A coordinator's router with a way to run many short traces in one evaluation. Each begins with an empty router.
local fleet = require("fleet")
local registry = require("fleet.registry")
local router = require("fleet.router")
local tables = require("fleet.router-table")
local store = require("fleet.store")

fleet.process({ name = "router-traces", version = "1.0.0" })

local function id(n) return string.format("%043d", n) end
local function code(failure) return type(failure) == "table" and failure.code or tostring(failure) end

local function handle(action, data)
  local ok, raised = pcall(registry.find(action).handler, data, { Id = "m", From = "deployer", Tags = {} })
  return ok and "ok" or code(raised), raised
end

local ops = {}

-- set: release, step, expect, weights of a and b, lease ms, lease release, hold
function ops.s(op)
  local data = { release = op.r, step = op.n, salt = "salt-" .. op.r, services = {} }
  if op.e then data.expect = { release = op.e[1], step = op.e[2], serial = op.e[3] } end
  for name, weights in pairs(op.w) do
    local routes = {}
    for i, pair in ipairs(weights) do routes[i] = { processId = id(pair[1]), revision = "code-" .. pair[1], weightBp = pair[2] } end
    data.services[name] = { key = name == "b" and "data:id" or "sender", routes = routes }
    if op.t then data.services[name].testers = { tag = "Beta", value = "yes", processId = id(op.t) } end
  end
  if op.l then data.lease = { forMs = op.l[1], revertTo = op.l[2] } end
  data.hold = op.h
  local result, reply = handle("SET_TRAFFIC", data)
  return result == "ok" and (reply.repeated and "again" or reply.mode) or result
end

-- prove, with the answer at once
function ops.p(op)
  handle("PROVE_TARGETS", { release = op.r, targets = { [id(op.i)] = "code-" .. op.i } })
  for correlation, call in pairs(store.calls.open) do
    store.calls.open[correlation], store.calls.count = nil, store.calls.count - 1
    call.continuation({ success = true, nonce = "m:1", healthStatus = op.good and "HEALTHY" or "UNHEALTHY", sourceHash = "code-" .. op.i })
  end
  return (store.states.traffic.proofs[id(op.i)] or {}).status or "none"
end

function ops.c(op) return (handle("TRAFFIC_COMMAND", { command = op.c })) end
function ops.t(op)
  Fleet.current.at = Fleet.current.at + op.ms
  router.tick()
  return "t"
end
function ops.q(op)
  local tags = { Beta = op.b }
  return (router.target(op.s, { player = op.k, data = { id = op.d }, tag = function(name) return tags[name] end })) or "none"
end

local function empty()
  local S = store.states.traffic
  for key in pairs(S) do S[key] = nil end
  S.serial, S.proofs = 0, {}
end

local function view()
  local S = store.states.traffic
  local function place(of) return of and (of.release .. "/" .. of.step .. "/" .. of.mode) or "-" end
  return table.concat({
    place(S.table), place(S.proven), S.lease and S.lease.untilMs or "-", S.serial,
    S.reverted and (S.reverted.why .. S.reverted.release .. S.reverted.step) or "-", S.command and S.command.command or "-",
  }, " ")
end

-- Runs traces; a line for each.
function TRACES(text)
  local lines, saved, outbox = {}, Fleet.current, ao.outbox.Messages
  for i, trace in ipairs(fleet.json.decode(text)) do
    empty()
    Fleet.current = { id = "m", from = "deployer", at = 1000000, slot = 1 }
    local said = {}
    for j, op in ipairs(trace) do said[j] = ops[op.o](op) end
    lines[i] = table.concat(said, ",") .. " " .. view()
  end
  for i = #outbox, 1, -1 do outbox[i] = nil end
  Fleet.current = saved
  return table.concat(lines, "\n")
end

-- Where callers go at each share: a letter for each, g for green.
function CALLERS(text)
  local asked, lines, buckets = fleet.json.decode(text), {}, {}
  for n = 1, asked.callers do buckets[n] = tables.bucket(tables.key("sender", { player = asked.prefix .. n }), asked.salt) end
  for i, share in ipairs(asked.shares) do
    local routes = { { processId = "g", weightBp = share }, { processId = "b", weightBp = tables.WHOLE - share } }
    local letters = {}
    for n = 1, asked.callers do letters[n] = tables.route(routes, buckets[n]) end
    lines[i] = table.concat(letters)
  end
  return table.concat(lines, "\n")
end
