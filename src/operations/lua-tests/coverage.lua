-- Notes which lines of a program run, by a hook in each coroutine. A line is noted by the name of its chunk, `aos`, which every program of a
-- process has. Changes no line of the program.
local coverage = {}
local sethook, getinfo, create = debug.sethook, debug.getinfo, coroutine.create

local lines, isNoting = {}, false

local function hook(_, line)
  if isNoting and not lines[line] and getinfo(2, "S").source == "aos" then lines[line] = true end
end

-- A hook belongs to one coroutine.
function coroutine.create(fn)
  local made = create(fn)
  sethook(made, hook, "l")
  return made
end

local function passed(ok, ...)
  if ok then return ... end
  error(..., 0)
end

function coroutine.wrap(fn)
  local made = coroutine.create(fn)
  return function(...) return passed(coroutine.resume(made, ...)) end
end

--- Begins to note lines, or not to. The lines so far are forgotten.
function coverage.begin(notes)
  lines, isNoting = {}, notes
  sethook(hook, "l")
end

--- The lines that have run since.
function coverage.taken()
  sethook()
  local list = {}
  for line in pairs(lines) do list[#list + 1] = line end
  table.sort(list)
  return list
end

return coverage
