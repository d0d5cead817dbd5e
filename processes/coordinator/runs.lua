--- The workflows that run and that have run: each a saga on plain data, driven by calls to the services.
local fleet = require("fleet")
local carry = require("fleet.carry")
local router = require("fleet.router")
local saga = require("saga")
local workflows = require("workflows")

local runs = {}

--- Ended runs that are kept, and runs of one player that may be under way.
runs.KEEP, runs.EACH = 200, 8

local state = fleet.state("workflows", { byId = {}, ended = {} })

--- How long a step may take, in ms: a service may itself ask another one, so twice what a call may take.
--- @return integer
function runs.patience()
  return carry.patience()
end

local advance

local function settle(id, reply)
  local run = state.byId[id]
  if not run or saga.done(run) then
    return
  end
  saga.settle(run, reply, fleet.now())
  advance(run)
end

local function finish(run)
  state.ended[#state.ended + 1] = run.id
  if #state.ended > runs.KEEP then
    state.byId[table.remove(state.ended, 1)] = nil
  end
  local request = { Id = run.request, From = run.player, Action = "RUN_WORKFLOW" }
  if run.status == "COMPLETED" then
    fleet.reply(request, saga.view(run))
  else
    fleet.replyError(request, {
      code = "WORKFLOW_FAILED",
      message = run.workflow .. " ended " .. run.status .. ": " .. run.failure.step .. " failed with " .. run.failure.code .. ": " .. run.failure.message,
      remedy = run.failure.remedy,
      workflow = saga.view(run),
    })
  end
end

--- Asks for the next step, or ends the run. A service that is not wired answers like one that refuses.
advance = function(run)
  if saga.done(run) then
    return finish(run)
  end
  local command = saga.command(run)
  run.askedAt = fleet.now()
  local options = { timeout = runs.patience(), tags = {} }
  options.tags["On-Behalf-Of"] = command.onBehalf
  local id = run.id
  -- By the player, so that all steps of a run, and what the player asks for alone, go to the same revisions.
  local request = { player = run.player, data = command.data }
  local ok, raised = pcall(router.call, command.service, request, command.action, command.data, function(reply)
    settle(id, reply)
  end, options)
  if not ok and fleet.isFailure(raised) then
    settle(id, { success = false, error = raised })
  elseif not ok then
    error(raised, 0)
  end
end

--- Begins a run. The answer to the message comes when the run ends.
--- @param msg table the request
--- @param name string of the workflow
--- @param input table checked
function runs.begin(msg, name, input)
  local player, own = fleet.player(msg), 0
  for _, run in pairs(state.byId) do
    if run.player == player and not saga.done(run) then
      own = own + 1
    end
  end
  if own >= runs.EACH then
    error(fleet.fail("TOO_MANY_WORKFLOWS", own .. " of your workflows are under way", "wait until one has ended"))
  end
  local run = saga.start("workflow-" .. msg.Id, name, player, input, fleet.now(msg))
  run.request = msg.Id
  state.byId[run.id] = run
  fleet.later(msg)
  advance(run)
end

--- @param id string
--- @return table? run
function runs.get(id)
  return state.byId[id]
end

--- Asks again for the step of a run that has waited far too long, as after a move to another process. Steps carry
-- the run's id, so a step that has happened is not done twice.
--- @param run table
function runs.nudge(run)
  if not saga.done(run) and fleet.now() - (run.askedAt or 0) > 2 * runs.patience() then
    advance(run)
  end
end

--- Whether every run is one that this code knows how to go on with.
--- @return boolean
--- @return string detail
function runs.consistent()
  local open, ended = 0, 0
  for id, run in pairs(state.byId) do
    local workflow = workflows.get(run.workflow)
    if run.id ~= id or (not saga.done(run) and not (workflow and workflow.steps[run.step])) then
      return false, "run " .. id .. " of " .. tostring(run.workflow) .. " cannot go on"
    elseif saga.done(run) then
      ended = ended + 1
    else
      open = open + 1
    end
  end
  return ended == #state.ended, open .. " under way, " .. ended .. " ended"
end

return runs
