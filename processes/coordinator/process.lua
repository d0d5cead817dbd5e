--- The coordinator: the entry point of the fleet. It forwards players' messages to the services, and runs workflows across
-- several services.
local fleet = require("fleet")
local validate = require("fleet.validate")
local carry = require("fleet.carry")
local enforce = require("enforce")
local routing = require("routing")
local runs = require("runs")
local saga = require("saga")
local workflows = require("workflows")

fleet.process({
  name = "coordinator",
  processType = "COORDINATOR",
  version = "1.0.0",
  capabilities = { "PROCESS_COORDINATION", "MESSAGE_ROUTING", "WORKFLOW_MANAGEMENT", "TRAFFIC_ROUTING" },
  endpoints = { "ROUTE", "LIST_SERVICES", "RUN_WORKFLOW", "WORKFLOW_STATUS", "LIST_WORKFLOWS", "GET_TRAFFIC" },
})

local function refuse(code, message, remedy, more)
  error(fleet.fail(code, message, remedy, more))
end

carry.serve(routing)

fleet.on("LIST_WORKFLOWS", { who = "anyone", readonly = true }, function()
  local list = {}
  for i, name in ipairs(workflows.names()) do
    local steps = {}
    for place, step in ipairs(workflows.get(name).steps) do
      steps[place] = { name = step.name, service = step.service, action = step.action, undo = step.undo and step.undo.action or nil }
    end
    list[i] = { workflow = name, steps = steps }
  end
  return { workflows = list, count = #list }
end)

fleet.on("RUN_WORKFLOW", {
  who = "anyone",
  once = true,
  schema = {
    workflow = { type = "string", required = true, enum = workflows.names() },
    input = { type = "table" },
  },
}, function(data, msg)
  enforce.check(msg)
  local input = data.input or {}
  local problems = validate.check(input, workflows.get(data.workflow).input)
  if #problems > 0 then
    local first = problems[1]
    refuse("INVALID_DATA", data.workflow .. ": input." .. first.path .. " is " .. first.got .. ", expected " .. first.expected,
      "fix the values at these paths", { problems = problems })
  end
  runs.begin(msg, data.workflow, input)
end)

local ONE_WORKFLOW = { workflowId = { type = "string", required = true, maxLength = 128 } }

local function named(data)
  local run = runs.get(data.workflowId)
  if not run then
    refuse("UNKNOWN_WORKFLOW", "there is no workflow " .. data.workflowId, "use the workflowId that RUN_WORKFLOW returned")
  end
  return run
end

fleet.on("WORKFLOW_STATUS", {
  who = "anyone",
  schema = ONE_WORKFLOW,
}, function(data, msg)
  local run = named(data)
  -- Anybody may read it, as the state is public; only its player and deployers make a stalled one continue.
  if run.player == fleet.player(msg) or fleet.is(msg, "deployer") then
    runs.retryIfStalled(run)
  end
  return saga.view(run)
end)

-- An undo whose service is gone for good would wait for it as long as the coordinator lives, and keep releases out that change its workflow.
fleet.on("GIVE_UP_WORKFLOW", {
  who = "deployer",
  schema = ONE_WORKFLOW,
}, function(data)
  local run = named(data)
  if run.status ~= "COMPENSATING" then
    refuse("NOT_WAITING", "this workflow is not being undone: it is " .. run.status, "WORKFLOW_STATUS continues one that is in progress")
  end
  runs.giveUp(run, "a deployer ended the workflow")
  return saga.view(run)
end)

fleet.invariant("workflows-are-whole", function()
  return runs.consistent()
end)

fleet.check("routes", "READINESS", function()
  local wired = 0
  for _ in pairs(fleet.peers()) do
    wired = wired + 1
  end
  return true, wired .. " services wired"
end)
