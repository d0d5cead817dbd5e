-- A coordinator's router with a way to run many short traces in one evaluation. Each begins with an empty router.
local fleet = require("fleet")
local calls = require("fleet.calls")
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
  if op.l then data.lease = { forMs = op.l[1], revertTo = op.l[2], onEnd = op.l[3] } end
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
    S.reverted and (S.reverted.why .. S.reverted.release .. S.reverted.step .. (S.reverted.returned and "back" or "")) or "-", S.command and S.command.command or "-",
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

-- T2: so many requests under way at a switch of everything; each is answered twice, by whom it was given to.
function FLIGHT(n)
  local saved, outbox = Fleet.current, ao.outbox.Messages
  empty()
  Fleet.current = { id = "m", from = "deployer", at = 1000000, slot = 1 }
  local first = #outbox
  ops.p({ r = "r1", i = 1, good = true })
  ops.p({ r = "r2", i = 2, good = true })
  local steps = {
    ops.s({ r = "r1", n = 0, w = { a = { { 1, 10000 } } } }),
    ops.s({ r = "r2", n = 1, e = { "r1", 0 }, w = { a = { { 2, 5000 }, { 1, 5000 } } }, l = { 60000, "r1" } }),
  }
  for i = #outbox, first + 1, -1 do outbox[i] = nil end
  local got = {}
  for i = 1, n do
    router.call("a", { player = "player-" .. i }, "FIGHT", { i = i }, function(answer)
      got[#got + 1] = { i = i, by = answer.by, same = answer.i == i }
    end)
  end
  local asked = {}
  for i = #outbox, first + 1, -1 do
    asked[#asked + 1] = outbox[i]
    outbox[i] = nil
  end
  steps[3] = ops.s({ r = "r2", n = 2, e = { "r2", 1 }, w = { a = { { 2, 10000 }, { 1, 0 } } }, l = { 60000, "r1" } })
  local function deliver(request, round)
    local correlation
    for _, tag in ipairs(request.Tags) do
      if tag.name == "Correlation-Id" then correlation = tag.value end
    end
    local reference = require("fleet.sent-for").number(request.Tags)
    local number = fleet.json.decode(request.Data).i
    local msg = { Id = correlation .. round, From = request.Target, Action = "FIGHT-Response", Tags = { ["Correlation-Id"] = correlation } }
    Fleet.current = {
      id = msg.Id, from = msg.From, at = 1000500, slot = 2, sentFor = ao.id .. " " .. reference .. " " .. correlation:sub(1, 43),
      data = fleet.json.encode({ success = true, by = request.Target, i = number }),
    }
    local call = require("fleet.matching").find(msg)
    if call then calls.receive(msg, call) end
  end
  for round = 1, 2 do
    for _, request in ipairs(asked) do deliver(request, round) end
  end
  local once, by, mixed = {}, {}, 0
  for _, one in ipairs(got) do
    once[one.i] = (once[one.i] or 0) + 1
    by[one.by] = (by[one.by] or 0) + 1
    if not one.same then mixed = mixed + 1 end
  end
  local lost, doubled = 0, 0
  for i = 1, n do
    if not once[i] then lost = lost + 1 elseif once[i] > 1 then doubled = doubled + 1 end
  end
  Fleet.current = saved
  return fleet.json.encode({
    sent = #asked, lost = lost, doubled = doubled, mixed = mixed, blue = by[id(1)] or 0, green = by[id(2)] or 0,
    steps = steps, open = store.calls.count,
  })
end
