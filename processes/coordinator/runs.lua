--- Running and ended workflows: each is a saga on plain data, driven by calls to the services.
local fleet = require("fleet")
local callers = require("fleet.callers")
local carry = require("fleet.carry")
local ring = require("fleet.ring")
local router = require("fleet.router")
local saga = require("saga")
local workflows = require("workflows")

local runs = {}

--- The number of ended runs that are kept, and of open runs per player.
runs.KEEP, runs.MAX_OPEN_EACH = 200, 8
--- The number of open runs, and what part of them is for callers of each rank and below: wallets are free, and a run cannot be ended for another
-- one, so new callers leave room for those from before, and both for the fleet.
runs.MAX_OPEN = 128
--- The number of stalled runs that a new one continues.
local RETRIED = 4
local PART = { [callers.NEW] = 1 / 2, [callers.BEFORE] = 3 / 4, [callers.FLEET] = 1 }

local state = fleet.state("workflows", { byId = {}, ended = {} })

--- The timeout of a step in ms: twice that of a call, since a service may itself call another one.
--- @return integer
function runs.stepTimeout()
  return carry.timeout()
end

local advance, wait

local function settle(id, reply)
  local run = state.byId[id]
  if not run or saga.done(run) then
    return
  elseif saga.settle(run, reply, fleet.now()) then
    wait(run)
  else
    advance(run)
  end
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

--- Ends a run that cannot go on, such as an undo whose service is gone: everything that is not undone yet stays.
--- @param run table not ended
--- @param reason string
function runs.giveUp(run, reason)
  saga.giveUp(run, fleet.now(), reason)
  finish(run)
end

-- Lets a run wait for its service: it stalls, and is continued as such runs are. As many wait as ended runs are kept; of more, one that has
-- done nothing ends first, else the one that has waited longest of the player with the most.
wait = function(run)
  local ids = {}
  for id, each in pairs(state.byId) do
    if each.waits and each ~= run and not saga.done(each) then
      ids[#ids + 1] = id
    end
  end
  run.waits = true
  table.sort(ids, function(a, b)
    local one, two = state.byId[a], state.byId[b]
    return one.startedAt < two.startedAt or one.startedAt == two.startedAt and a < b
  end)
  local gone = ring.add(ids, run.id, {
    size = runs.KEEP, by = LIMITS.by,
    rank = function(id) return next(state.byId[id].results) and 1 or 0 end,
  })
  if gone then
    runs.giveUp(state.byId[gone], "too many workflows wait to be undone")
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

local function isStalled(run)
  return not saga.done(run) and fleet.now() - (run.askedAt or 0) > 2 * runs.stepTimeout()
end

-- When half of its part is taken, a rank has one place for each player. Runs that stall, because their calls stayed in another process, take no
-- place: only as many as there are places can have moved with the state.
local function checkRoom(player, rank)
  local own, open = 0, 0
  for _, run in pairs(state.byId) do
    if not saga.done(run) then
      open = open + (isStalled(run) and 0 or 1)
      own = own + (run.player == player and not run.waits and 1 or 0)
    end
  end
  local most = math.floor(runs.MAX_OPEN * PART[rank])
  if own >= runs.MAX_OPEN_EACH or own > 0 and open >= most // 2 then
    error(fleet.fail("TOO_MANY_WORKFLOWS", own .. " of your workflows are in progress", "wait until one has ended"))
  elseif open >= most then
    error(fleet.fail("BUSY", open .. " workflows are in progress", "send the request again later"))
  end
end

-- The declared members: a run is kept after its end, and further ones could be of any size.
local function declared(name, input)
  local kept = {}
  for member in pairs(workflows.get(name).input) do
    kept[member] = input[member]
  end
  return kept
end

--- Repeats the current step of a run that is long overdue, for example after its state moved to another process. Steps
-- carry the run's id, so a step that was already done has no second effect.
--- @param run table
function runs.retryIfStalled(run)
  if isStalled(run) then
    run.repeated = run.step
    advance(run)
  end
end

-- With each new run a few of those whose players no longer ask.
local function retryStalled()
  local ids = {}
  for id, run in pairs(state.byId) do
    if isStalled(run) then
      ids[#ids + 1] = id
    end
  end
  table.sort(ids)
  for place = 1, math.min(#ids, RETRIED) do
    runs.retryIfStalled(state.byId[ids[place]])
  end
end

--- Begins a run. The reply to the message is sent when the run ends.
--- @param msg table the request
--- @param name string of the workflow
--- @param input table already validated
function runs.begin(msg, name, input)
  local player = fleet.player(msg)
  checkRoom(player, callers.rank(msg))
  retryStalled()
  local run = saga.start("workflow-" .. msg.Id, name, player, declared(name, input), fleet.now(msg))
  run.request = msg.Id
  state.byId[run.id] = run
  fleet.later(msg, { group = "workflows", bytes = 0 })
  advance(run)
end

--- @param id string
--- @return table? run
function runs.get(id)
  return state.byId[id]
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
