-- The assertions of a test, as busted names them. A failure is a table, so that an error of the program is never taken for one.
local assertions = {}

-- Most entries and levels of a table that a failure shows.
local ENTRIES, LEVELS = 20, 4

local function byName(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return tostring(a) < tostring(b)
end

--- A value as a failure shows it.
local function shown(value, level)
  if type(value) == "string" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if type(value) ~= "table" then return tostring(value) end
  if level >= LEVELS then return "{…}" end
  local keys, parts = {}, {}
  for key in next, value do keys[#keys + 1] = key end
  table.sort(keys, byName)
  for i = 1, math.min(#keys, ENTRIES) do
    local key = keys[i]
    local name = type(key) == "string" and key:match("^[%a_][%w_]*$") or "[" .. shown(key, LEVELS) .. "]"
    parts[i] = (key == i and "" or name .. " = ") .. shown(value[key], level + 1)
  end
  if #keys > ENTRIES then parts[#parts + 1] = "…" end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- Whether two values have the same content. `met`: pairs of tables that are being compared.
local function same(a, b, met)
  if rawequal(a, b) or a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  if met[a] == b then return true end
  met[a] = b
  for key, value in pairs(a) do
    if not same(value, b[key], met) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function fail(message, failure)
  failure.isFailure, failure.message = true, message or failure.message
  error(failure, 0)
end

local function holds(condition, expected, got, message)
  if condition then return end
  local text = "expected " .. expected .. ", got " .. shown(got, 0)
  -- A function that returns several values may fill the place of the message.
  fail(type(message) == "string" and message or nil, { message = text, expected = expected, got = shown(got, 0) })
end

-- The text of an error, whatever was raised.
local function textOf(raised)
  if type(raised) == "table" and raised.message ~= nil then return tostring(raised.message) end
  return tostring(raised)
end

local checks = {}

function checks.equal(expected, got, message)
  holds(expected == got, shown(expected, 0), got, message)
end

function checks.same(expected, got, message)
  holds(same(expected, got, {}), shown(expected, 0), got, message)
end

checks["true"] = function(got, message) holds(got == true, "true", got, message) end
checks["false"] = function(got, message) holds(got == false, "false", got, message) end
checks["nil"] = function(got, message) holds(got == nil, "nil", got, message) end

function checks.truthy(got, message) holds(got, "a value other than nil and false", got, message) end
function checks.falsy(got, message) holds(not got, "nil or false", got, message) end

function checks.matches(pattern, got, message)
  holds(type(got) == "string" and got:find(pattern) ~= nil, "a string that matches " .. shown(pattern, 0), got, message)
end

--- The function must raise an error; with a string, one whose text contains it.
function checks.error(fn, expected)
  local done, raised = pcall(fn)
  if done then fail(nil, { message = "expected an error, got none", expected = "an error", got = "none" }) end
  if expected ~= nil then
    holds(textOf(raised):find(expected, 1, true) ~= nil, "an error with " .. shown(expected, 0), textOf(raised))
  end
end

local opposites = {}

opposites["nil"] = function(got, message) holds(got ~= nil, "a value other than nil", got, message) end

function opposites.equal(unexpected, got, message)
  holds(unexpected ~= got, "another value than " .. shown(unexpected, 0), got, message)
end

function opposites.same(unexpected, got, message)
  holds(not same(unexpected, got, {}), "other content than " .. shown(unexpected, 0), got, message)
end

function opposites.matches(pattern, got, message)
  holds(type(got) == "string" and not got:find(pattern), "a string that does not match " .. shown(pattern, 0), got, message)
end

function opposites.error(fn)
  local done, raised = pcall(fn)
  if not done then fail(nil, { message = "expected no error, got " .. textOf(raised), expected = "no error", got = textOf(raised) }) end
end

--- The table `assert` of a test. It also can be called, as Lua's own.
function assertions.new()
  local assert = {}
  local function name(into, words, fn)
    for _, word in ipairs(words) do into[word] = fn end
  end
  for word, fn in pairs(checks) do name(assert, { word, "is_" .. word, "has_" .. word }, fn) end
  for word, fn in pairs(opposites) do name(assert, { "not_" .. word, "is_not_" .. word, "has_no_" .. word }, fn) end
  assert.equals, assert.not_equals, assert.match, assert.errors = checks.equal, opposites.equal, checks.matches, checks.error
  assert.is, assert.are, assert.has, assert.does = assert, assert, assert, assert
  local no = {}
  for word, fn in pairs(opposites) do no[word] = fn end
  no.equals, no.errors = opposites.equal, opposites.error
  assert.is_not, assert.are_not, assert.has_no = no, no, no
  return setmetatable(assert, {
    __call = function(_, condition, message, ...)
      if condition then return condition, message, ... end
      if type(message) == "table" then error(message, 0) end
      return fail(message and tostring(message), { message = "assertion failed!" })
    end,
    __index = function(_, word) error("assert has no " .. tostring(word), 2) end,
  })
end

return assertions
