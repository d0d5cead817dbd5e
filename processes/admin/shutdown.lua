--- Graceful shutdown. An AO process cannot be terminated: it is drained, its state is exported and the digest kept, and
-- then it answers GONE. Processes are shut down one after the other; a step that a target refuses fails the shutdown.
-- Targets accept these actions only from a deployer: to let this process shut them down, allow it there (SET_ALLOWED).
local cut = require("fleet.cut")
local fleet = require("fleet")
local targets = require("targets")

local shutdown = {}

local KEPT = 20

local state = fleet.state("shutdowns", { seq = 0, list = {} })

local NOTE = "an AO process cannot be terminated: it is drained, its state is exported and it answers GONE; RESUME reverts this"

local advance

local function failStep(job, step, reply)
  step.status = "FAILED"
  step.reason = type(reply.error) == "table" and tostring(reply.error.code) .. ": " .. tostring(reply.error.message) or "no valid reply"
  job.status, job.reason = "FAILED", step.name .. ": " .. step.reason
  fleet.log("ERROR", "shutdown " .. job.shutdownId .. " failed at " .. step.name .. ": " .. step.reason)
end

local function command(job, step, action, use)
  local status = step.status
  step.status = status .. "…"
  fleet.ask(step.processId, action, nil, function(reply)
    if reply.success ~= true then return failStep(job, step, reply) end
    use(reply)
    advance(job, fleet.now())
  end, { tags = { Epoch = job.epoch } })
end

-- The sorted names of all entries that are not empty tables.
local function nonEmpty(list)
  local names = {}
  for name, value in pairs(type(list) == "table" and list or {}) do
    if type(value) ~= "table" or next(value) ~= nil then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local NEXT = {}

function NEXT.PENDING(job, step)
  command(job, step, "DRAIN", function()
    step.status, step.drainedAt = "DRAINING", fleet.now()
  end)
end

function NEXT.DRAINING(job, step, now)
  if now - step.drainedAt < job.gracePeriodSeconds * 1000 then return end
  if not job.statePreservation then
    step.status = "DRAINED"
    return advance(job, now)
  end
  command(job, step, "EXPORT_STATE", function(reply)
    step.status, step.digest, step.slot = "DRAINED", reply.digest, reply.slot
    -- Shows whether the digest covers anything: an empty state has a digest too.
    step.holds = { states = nonEmpty(reply.state and reply.state.states), globals = nonEmpty(reply.state and reply.state.globals) }
  end)
end

function NEXT.DRAINED(job, step)
  command(job, step, "RETIRE", function() step.status = "GONE" end)
end

advance = function(job, now)
  if job.status ~= "RUNNING" then return end
  for _, step in ipairs(job.steps) do
    if step.status ~= "GONE" then
      local go = NEXT[step.status]
      if go then go(job, step, now) end
      return
    end
  end
  job.status, job.finishedAt = "COMPLETED", now
end

fleet.on("GRACEFUL_SHUTDOWN", {
  who = "deployer", once = true, epoch = "optional",
  schema = {
    targetProcesses = { type = "array", required = true, minLength = 1, maxLength = 100, items = { type = "string", minLength = 1, maxLength = 128, pattern = "^[%w%-_]+$" } },
    shutdownOrder = { type = "array", maxLength = 100, items = { type = "string", minLength = 1, maxLength = 128 } },
    gracePeriodSeconds = { type = "number", min = 0, max = 86400 },
    statePreservation = { type = "boolean" },
  },
}, function(data, msg)
  local wanted, order = {}, {}
  for _, name in ipairs(data.targetProcesses) do wanted[name] = true end
  for _, name in ipairs(data.shutdownOrder or {}) do
    if not wanted[name] then
      error(fleet.fail("INVALID_DATA", "shutdownOrder contains " .. name .. ", which is not in targetProcesses", "List only target processes in it."))
    end
    order[#order + 1] = name
    wanted[name] = nil
  end
  for _, name in ipairs(data.targetProcesses) do
    if wanted[name] then
      order[#order + 1] = name
      wanted[name] = nil
    end
  end
  local bare = {}
  for _, name in ipairs(order) do
    if targets.withoutLibrary(targets.resolve(name)) then bare[#bare + 1] = name end
  end
  if #bare > 0 then
    local names = cut(table.concat(bare, ", "), 300)
    error(fleet.fail("LIB_REQUIRED", "this requires the fleet's library, which is missing in: " .. names, "Remove them from the list."))
  end
  state.seq = state.seq + 1
  local job = {
    shutdownId = "shutdown-" .. state.seq, status = "RUNNING", startedAt = fleet.now(msg), by = msg.From,
    epoch = fleet.tag(msg, "Epoch") or tostring(fleet.epoch()), gracePeriodSeconds = data.gracePeriodSeconds or 30,
    statePreservation = data.statePreservation ~= false, steps = {},
  }
  for i, name in ipairs(order) do
    job.steps[i] = { name = name, processId = targets.resolve(name), status = "PENDING" }
  end
  table.insert(state.list, job)
  if #state.list > KEPT then table.remove(state.list, 1) end
  advance(job, fleet.now(msg))
  return { shutdownId = job.shutdownId, status = job.status, order = order, gracePeriodSeconds = job.gracePeriodSeconds, note = NOTE }
end)

--- Runs the steps that are due.
function shutdown.tick(now)
  for _, job in ipairs(state.list) do advance(job, now) end
end

--- The shutdowns that are kept, oldest first.
function shutdown.list()
  return state.list
end

return shutdown
