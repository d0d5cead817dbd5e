--- One run of a workflow as a machine on plain data, so that it lives through upgrades and exports:
-- saga.command says what to ask for now, saga.settle takes the answer.
-- When a step fails, those before it are taken back, the latest first; one that was not answered may have happened and is
-- taken back too.
local workflows = require("workflows")

local saga = {}

--- Codes that leave open whether the step has happened.
saga.IN_DOUBT = { TIMEOUT = true, BAD_REPLY = true, SERVICE_FAULT = true, CANCELLED = true }
--- How often a taking back is tried.
saga.UNDO_ATTEMPTS = 3

--- @param id string unique; the idempotency id of all steps
--- @param name string of the workflow
--- @param player string in whose name
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
--- @return boolean whether nothing is left to do
function saga.done(run)
  return run.status ~= "RUNNING" and run.status ~= "COMPENSATING"
end

--- What to ask for now.
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

-- The next step down that can be taken back; none: the run has ended.
local function descend(run, from)
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

local function plain(reply)
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
    run.results[step.name] = plain(reply)
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
  if step.keep then
    run.status = "INCOMPLETE"
  else
    descend(run, saga.IN_DOUBT[reply.error.code] and run.step or run.step - 1)
  end
end

local function backward(run, step, reply)
  if not reply.success and run.attempt < saga.UNDO_ATTEMPTS then
    run.attempt = run.attempt + 1
    return
  elseif not reply.success then
    run.stranded = run.stranded or {}
    run.stranded[#run.stranded + 1] = { step = step.name, code = reply.error.code, message = reply.error.message }
  end
  descend(run, run.step - 1)
end

--- Takes the answer to saga.command.
--- @param run table changed in place
--- @param reply table { success, …, error? { code, message, remedy } }
--- @param now integer scheduler time, ms
function saga.settle(run, reply, now)
  local step = workflows.get(run.workflow).steps[run.step]
  local undoing = run.status == "COMPENSATING"
  run.trail[#run.trail + 1] = {
    step = step.name,
    action = undoing and step.undo.action or step.action,
    outcome = reply.success and "ok" or reply.error.code,
    at = now,
  }
  if undoing then
    backward(run, step, reply)
  else
    forward(run, step, reply)
  end
  if saga.done(run) then
    run.finishedAt = now
  end
end

--- How a run is shown.
--- @param run table
--- @return table
function saga.view(run)
  return {
    workflowId = run.id, workflow = run.workflow, status = run.status, results = run.results, failure = run.failure,
    stranded = run.stranded, trail = run.trail, startedAt = run.startedAt, finishedAt = run.finishedAt,
  }
end

return saga
