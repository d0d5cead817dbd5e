-- Runs the tests of one file in a process of an aos image, which it takes over. A test is a coroutine: what it asks of a process under test is
-- what it yields, and the next message continues it with the answer.
local json = require("json")

local root = { before = {}, after = {} }
-- The `describe` that is being read, the tests in their order, and whether one is running.
local current, tests, isRunning = root, {}, false

-- The frames of the tests' files, innermost first.
local function trace(level)
  local lines = {}
  while #lines < 50 do
    local frame = debug.getinfo(level, "Sl")
    if not frame then break end
    if frame.source == "aos" and frame.currentline > 0 then lines[#lines + 1] = frame.currentline end
    level = level + 1
  end
  return lines
end

local function failureOf(raised)
  local failure = { trace = trace(3) }
  if type(raised) ~= "table" then
    failure.message = tostring(raised)
    return failure
  end
  failure.message = tostring(raised.message or raised.code or "an error that is a table")
  failure.expected, failure.got = raised.isFailure and raised.expected or nil, raised.isFailure and raised.got or nil
  return failure
end

local function onlyOutside(name)
  if isRunning then error(name .. " is called inside of a test", 3) end
end

function describe(title, fn)
  onlyOutside("describe")
  local suite = { title = tostring(title), parent = current, before = {}, after = {} }
  current = suite
  fn()
  current = suite.parent
end

function it(title, fn)
  onlyOutside("it")
  if type(fn) ~= "function" then error("it needs a function: it(title, function() … end)", 2) end
  tests[#tests + 1] = { title = tostring(title), suite = current, fn = fn, line = debug.getinfo(2, "l").currentline }
end

function before_each(fn)
  onlyOutside("before_each")
  table.insert(current.before, fn)
end

function after_each(fn)
  onlyOutside("after_each")
  table.insert(current.after, fn)
end

local printed = {}
function print(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  printed[#printed + 1] = table.concat(words, " ")
end

assert = assertions.new()

local function ask(request)
  if not isRunning then error("processes are only used in it, before_each and after_each", 3) end
  local answer = coroutine.yield(request)
  if answer.problem then error({ message = answer.problem }, 0) end
  return answer
end

local test, resetClock = api.new(ask)
package.loaded["fleet.test"] = test

-- The suites of a test, the outermost first.
local function suitesOf(of)
  local list, suite = {}, of.suite
  while suite do
    table.insert(list, 1, suite)
    suite = suite.parent
  end
  return list
end

local function body(of)
  local suites = suitesOf(of)
  local done, failure = xpcall(function()
    for _, suite in ipairs(suites) do
      for _, fn in ipairs(suite.before) do fn() end
    end
    of.fn()
  end, failureOf)
  local ended, later = xpcall(function()
    for i = #suites, 1, -1 do
      for _, fn in ipairs(suites[i].after) do fn() end
    end
  end, failureOf)
  if done and not ended then failure = later end
  return { done = true, failure = not (done and ended) and failure or nil }
end

local running
local function continue(...)
  isRunning = true
  local ok, value = coroutine.resume(running, ...)
  isRunning = false
  if not ok then return { done = true, failure = { message = tostring(value), trace = {} } } end
  return value
end

local function titlesOf(of)
  local titles = {}
  for _, suite in ipairs(suitesOf(of)) do titles[#titles + 1] = suite.title end
  return titles
end

local function loadFile(text)
  local chunk, failure = load(text, "aos", "t", _G)
  if not chunk then return { failure = { message = failure, trace = {} } } end
  local ok, raised = xpcall(chunk, failureOf)
  if not ok then return { failure = raised } end
  local found = {}
  for i, each in ipairs(tests) do found[i] = { title = each.title, suites = titlesOf(each), line = each.line } end
  return { tests = found }
end

local function turn(input)
  if input.load then return loadFile(input.load) end
  if input.run then
    resetClock()
    running = coroutine.create(body)
    return continue(tests[input.run])
  end
  return continue(input.answer)
end

package.loaded[".process"] = {
  handle = function(message)
    if coverage then coverage.begin(true) end
    printed = {}
    local made = turn(message.Data)
    if #printed > 0 then made.printed = printed end
    if coverage then made.lines = coverage.taken() end
    return { Output = { data = json.encode(made) }, Messages = {}, Spawns = {}, Assignments = {} }
  end,
}
