--- Running and ended workflows: each is a saga on plain data, driven by calls to the services.
local fleet = require("fleet")
local carry = require("fleet.carry")
local ring = require("fleet.ring")
local router = require("fleet.router")
local saga = require("saga")
local workflows = require("workflows")

local runs = {}

--- The number of ended runs that are kept, and of open runs per player.
runs.KEEP, runs.MAX_OPEN_EACH = 200, 8

local state = fleet.state("workflows", { byId = {}, ended = {} })

--- The timeout of a step in ms: twice that of a call, since a service may itself call another one.
--- @return integer
function runs.stepTimeout()
  return carry.timeout()
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

-- A run that left something undone goes last: a person has to look at it. Of the others, the oldest of the player with the most.
local LIMITS = {
  by = function(id) return state.byId[id].player end,
  rank = function(id)
    local run = state.byId[id]
    return (run.stranded or run.status == "INCOMPLETE") and 1 or 0
  end,
}

local function finish(run)
  LIMITS.size = runs.KEEP
  local gone = ring.add(state.ended, run.id, LIMITS)
  if gone then
    state.byId[gone] = nil
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

--- Calls the next step, or ends the run. A service that is not wired counts as one that refuses.
advance = function(run)
  if saga.done(run) then
    return finish(run)
  end
  local command = saga.command(run)
  run.askedAt = fleet.now()
  local options = { timeout = runs.stepTimeout(), tags = {} }
  options.tags["On-Behalf-Of"] = command.onBehalf
  local id = run.id
  -- Routed by player, so that all steps of a run and the player's own requests go to the same revisions.
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

--- Begins a run. The reply to the message is sent when the run ends.
--- @param msg table the request
--- @param name string of the workflow
--- @param input table already validated
function runs.begin(msg, name, input)
  local player, own = fleet.player(msg), 0
  for _, run in pairs(state.byId) do
    if run.player == player and not saga.done(run) then
      own = own + 1
    end
  end
  if own >= runs.MAX_OPEN_EACH then
    error(fleet.fail("TOO_MANY_WORKFLOWS", own .. " of your workflows are in progress", "wait until one has ended"))
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

--- Repeats the current step of a run that is long overdue, for example after its state moved to another process. Steps
-- carry the run's id, so a step that was already done has no second effect.
--- @param run table
function runs.retryIfStalled(run)
  if not saga.done(run) and fleet.now() - (run.askedAt or 0) > 2 * runs.stepTimeout() then
    advance(run)
  end
end

--- Whether this code can continue every run.
--- @return boolean
--- @return string detail
function runs.consistent()
  local open, ended = 0, 0
  for id, run in pairs(state.byId) do
    local workflow = workflows.get(run.workflow)
    if run.id ~= id or (not saga.done(run) and not (workflow and workflow.steps[run.step])) then
      return false, "run " .. id .. " of " .. tostring(run.workflow) .. " cannot continue"
    elseif saga.done(run) then
      ended = ended + 1
    else
      open = open + 1
    end
  end
  return ended == #state.ended, open .. " in progress, " .. ended .. " ended"
end

return runs
