--- One run of a workflow as a state machine on plain data, so that it survives upgrades and exports:
-- saga.command returns the next call, saga.settle takes its reply.
-- When a step fails, the steps before it are undone, latest first. A step without a reply may have been done and is undone
-- too. An undo that its service cannot do now is repeated later, see saga.settle.
local workflows = require("workflows")

local saga = {}

--- Codes after which the step may or may not have been done.
saga.IN_DOUBT = {
  TIMEOUT = true, BAD_REPLY = true, SERVICE_FAULT = true, CANCELLED = true, INTERNAL = true,
  -- An egg of pokemon whose own message is late; a request that lost its place, or whose process was retired, while it waited.
  HATCHING = true, BUSY = true, GONE = true,
}
--- Codes after which an undo is repeated later, as often as it takes: they say nothing about whether it is possible.
saga.LATER = {
  DRAINING = true, GONE = true, BUSY = true, TIMEOUT = true, MEMORY_LIMIT = true, RATE_LIMITED = true, PEER_UNKNOWN = true,
}
--- How many times an undo that is refused is attempted.
saga.UNDO_ATTEMPTS = 3

--- @param id string unique; the idempotency id of all steps
--- @param name string of the workflow
--- @param player string on whose behalf it runs
--- @param input table checked against the workflow's input
--- @param now integer scheduler time, ms
--- @return table run
function saga.start(id, name, player, input, now)
  return {
    id = id, workflow = name, player = player, input = input, results = {}, trail = {},
    status = "RUNNING", step = 1, attempt = 1, startedAt = now,
  }
end

--- @param run table
--- @return boolean whether the run has ended
function saga.done(run)
  return run.status ~= "RUNNING" and run.status ~= "COMPENSATING"
end

--- The next call.
--- @param run table
--- @return table? { service, action, data, onBehalf? }, nil when the run is done
function saga.command(run)
  if saga.done(run) then
    return nil
  end
  local step = workflows.get(run.workflow).steps[run.step]
  local ask = run.status == "COMPENSATING" and step.undo or step
  return { service = ask.service, action = ask.action, data = ask.data(run), onBehalf = ask.onBehalf and run.player or nil }
end

-- Moves to the next earlier step that can be undone; without one, the run has ended.
local function startUndo(run, from)
  local steps = workflows.get(run.workflow).steps
  for place = from, 1, -1 do
    if steps[place].undo then
      run.step, run.attempt, run.status = place, 1, "COMPENSATING"
      return
    end
  end
  run.step = 0
  run.status = run.stranded and "COMPENSATION_FAILED" or "COMPENSATED"
end

local function withoutSuccess(reply)
  local kept = {}
  for key, value in pairs(reply) do
    if key ~= "success" then
      kept[key] = value
    end
  end
  return kept
end

local function forward(run, step, reply)
  if reply.success then
    run.results[step.name] = withoutSuccess(reply)
    if run.step == #workflows.get(run.workflow).steps then
      run.status = "COMPLETED"
    else
      run.step = run.step + 1
    end
    return
  end
  run.failure = {
    step = step.name, service = step.service,
    code = reply.error.code, message = reply.error.message, remedy = reply.error.remedy,
  }
  -- If a step was called before, an earlier call may have done it, whatever this one says.
  local isInDoubt = saga.IN_DOUBT[reply.error.code] or run.repeated == run.step
  if step.keep or step.keepInDoubt and isInDoubt then
    run.status = "INCOMPLETE"
  else
    startUndo(run, isInDoubt and run.step or run.step - 1)
  end
end

-- Records an undo that failed for good, and continues with the one before it.
local function strand(run, step, failure)
  run.stranded = run.stranded or {}
  run.stranded[#run.stranded + 1] = { step = step.name, code = failure.code, message = failure.message }
  startUndo(run, run.step - 1)
end

local function backward(run, step, reply)
  if reply.success then
    startUndo(run, run.step - 1)
  elseif run.attempt < saga.UNDO_ATTEMPTS then
    run.attempt = run.attempt + 1
  else
    strand(run, step, reply.error)
  end
end

--- Ends a run whose undo waits for its service: everything that is not undone yet stays.
--- @param run table changed in place
--- @param now integer scheduler time, ms
--- @param reason string
function saga.giveUp(run, now, reason)
  while not saga.done(run) do
    strand(run, workflows.get(run.workflow).steps[run.step], { code = "GIVEN_UP", message = reason })
  end
  run.finishedAt = now
end

-- Each call has an entry; one that repeats a call that could not be made then replaces its outcome.
local function trace(run, step, action, outcome, now)
  local last = run.trail[#run.trail]
  local isSame = last and last.step == step and last.action == action
  if isSame and run.status == "COMPENSATING" and saga.LATER[outcome] and saga.LATER[last.outcome] then
    last.outcome, last.at = outcome, now
  else
    run.trail[#run.trail + 1] = { step = step, action = action, outcome = outcome, at = now }
  end
end

--- Takes the reply to saga.command.
--- @param run table changed in place
--- @param reply table { success, …, error? { code, message, remedy } }
--- @param now integer scheduler time, ms
--- @return boolean? true if the next call has to wait, because the service cannot undo anything now
function saga.settle(run, reply, now)
  local step = workflows.get(run.workflow).steps[run.step]
  local undoing = run.status == "COMPENSATING"
  trace(run, step.name, undoing and step.undo.action or step.action, reply.success and "ok" or reply.error.code, now)
  if undoing and not reply.success and saga.LATER[reply.error.code] then
    return true
  elseif undoing then
    backward(run, step, reply)
  else
    forward(run, step, reply)
  end
  if saga.done(run) then
    run.finishedAt = now
  end
end

--- The public view of a run.
--- @param run table
--- @return table
function saga.view(run)
  return {
    workflowId = run.id, workflow = run.workflow, status = run.status, results = run.results, failure = run.failure,
    stranded = run.stranded, trail = run.trail, startedAt = run.startedAt, finishedAt = run.finishedAt,
  }
end

return saga
