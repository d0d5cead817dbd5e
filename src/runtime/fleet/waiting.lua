--- Handlers that wait for one message (`Receive`, `Handlers.once` without a name): their continuations cannot be exported. One that the
-- program registers at load is not among them: the program registers it in another process, too.
--
-- A hand-over waits for them, but not for one that has waited for `LIMIT`, and for none longer than that: whoever can begin a wait could block
-- every release with it. Such an *old* wait gets no message as long as the process, or the range of its key, refuses requests: it would write to
-- what was handed over, and send a second time what the other process sends. If the hand-over fails, it gets messages again.
--
-- A handler of the load that waits again by the same pattern is a *loop* (`while true do local msg = Receive(…) … end`): each message is work of
-- its own. While a range of keys is sealed, an old loop gets what any handler of the program gets, and no import removes it. What waits inside a
-- loop's body, by another pattern, is the work of one message, like any other wait. A handler of the load that has not waited again is behind the
-- library's first one, so it gets no message that is refused.
local author = require("fleet.author")
local handlers = require("fleet.handlers")
local store = require("fleet.store")

local waiting = {}

--- Milliseconds after which a wait is old, by the scheduler's time; that of a call by default. Runs wait a little longer for an open one.
waiting.LIMIT = 30000
--- The most old waits that are listed.
local MOST = 6

-- How deep patterns are compared.
local DEEPEST = 4

-- @treturn table names of the handlers · table their patterns by name
local function names()
  local found, patterns = {}, {}
  for _, each in ipairs(Handlers.list) do
    if handlers.isWaiting(each.name) then found[#found + 1], patterns[each.name] = each.name, each.pattern end
  end
  return found, patterns
end

local isSame

local function hasSameUpvalues(a, b, depth)
  if not (debug and debug.getupvalue) then return false end
  for i = 1, 255 do
    local name, value = debug.getupvalue(a, i)
    if name == nil then return true end
    if not isSame(value, select(2, debug.getupvalue(b, i)), depth + 1) then return false end
  end
  return true
end

-- Whether two patterns match the same. A program makes the table or the function again for each wait.
function isSame(a, b, depth)
  if rawequal(a, b) then return true end
  if type(a) ~= type(b) or depth > DEEPEST then return false end
  if type(a) == "function" then
    local isCode, code = pcall(string.dump, a, true)
    local isOther, other = pcall(string.dump, b, true)
    return isCode and isOther and code == other and hasSameUpvalues(a, b, depth)
  end
  if type(a) ~= "table" then return false end
  for key, value in next, a do
    if not isSame(value, rawget(b, key), depth + 1) then return false end
  end
  for key in next, b do
    if rawget(a, key) == nil then return false end
  end
  return true
end

-- The library is evaluated before the program, so these wait since a message.
local before = {}
for _, name in ipairs(names()) do before[name] = true end

--- Called at the end of a load.
function waiting.loaded()
  store.onceAtLoad = {}
  for _, name in ipairs(names()) do
    if not before[name] then store.onceAtLoad[name] = true end
  end
end

--- The scheduler's time, which does not go back here: a wait that was old stays old.
function waiting.now()
  return math.max(store.waits.clock, Fleet.current and Fleet.current.at or 0)
end

-- Those that are not in a list any more are forgotten.
-- @treturn ?table the one of them whose work began first, except loops: their work ended · the pattern of the loop that they were, or belonged to
local function forgetEnded(of, list)
  local present, first, loop = {}, nil, nil
  for _, name in ipairs(list) do present[name] = true end
  for name, wait in pairs(of) do
    if not present[name] then
      if not wait.isLoop and (not first or wait.begun < first.begun) then first = wait end
      if loop == nil then loop = wait.loop end
      of[name] = nil
    end
  end
  return first, loop
end

--- Records since when, and for which key, the handlers wait that the message before this one made wait. Called before a message is handled.
-- @tparam ?table last the record of that message; see `fleet.envelope`
function waiting.record(last)
  local known, fresh = store.waits, {}
  local list, patterns = names()
  for _, name in ipairs(list) do
    if not known.of[name] then fresh[#fresh + 1] = name end
  end
  known.clock = math.max(known.clock, last and last.at or 0)
  if #fresh == 0 and #list == known.count then return end
  known.count = #list
  local at, key = known.clock, last and last.key or false
  local own = { begun = at, key = key, id = last and last.id, author = author.of(last) }
  local first, passed = forgetEnded(known.of, list)
  for _, name in ipairs(fresh) do
    local pattern = patterns[name]
    local loop = (store.onceAtLoad or {})[name] and pattern or passed
    local isLoop = loop ~= nil and isSame(pattern, loop, 0)
    -- A handler that a message resumed, and that waits again, is still the work of the message that began it.
    local work = not isLoop and first or own
    known.of[name] = { at = at, begun = work.begun, key = not isLoop and work.key == key and key, id = work.id, loop = loop, isLoop = isLoop,
      author = not isLoop and work.author or nil }
  end
end

--- For whom a handler that waits works when it gets its message: nil if for that message's sender.
function waiting.authorOf(name)
  local wait = store.waits.of[name]
  return wait and wait.author
end

--- Whether a handler waits for a message since a message.
function waiting.isAwaited(name)
  return handlers.isWaiting(name) and not (store.onceAtLoad or {})[name]
end

--- Whether a handler is a loop that the program began at load.
function waiting.isLoop(name)
  return (store.waits.of[name] or {}).isLoop == true
end

--- Whether a handler is an old wait.
-- @tparam ?number since when its requests are refused. Then all are old after `LIMIT`: whoever resumes one could keep it young
function waiting.isOld(name, since)
  local wait, now = store.waits.of[name], waiting.now()
  return wait ~= nil and waiting.isAwaited(name) and now - math.min(wait.at, since or now) >= waiting.LIMIT
end

--- Whether the key for which a handler waits fits, or is not known.
-- @tparam ?function belongs `function(key)`; nil: any fits
-- @tparam ?number latest when the work had begun for which it waits; nil: at any time
function waiting.isFor(name, belongs, latest)
  local wait = store.waits.of[name]
  if not wait then return true end
  return (not latest or wait.begun <= latest) and (not belongs or not wait.key or belongs(wait.key))
end

--- Counts the handlers that wait for a message since a message.
-- @tparam ?function belongs see `isFor`
-- @tparam ?number since see `isOld`
-- @treturn number all of them
-- @treturn ?table those for which a hand-over does not wait: { count, items = a list of { id of the message that began it, ms since then }, the
--   oldest ones }; nil if there are none
function waiting.count(belongs, since)
  local n, old, now = 0, {}, waiting.now()
  for _, name in ipairs(names()) do
    if waiting.isAwaited(name) and waiting.isFor(name, belongs) then
      n = n + 1
      local wait = store.waits.of[name]
      if waiting.isOld(name, since) then old[#old + 1] = { id = wait.id, ms = now - wait.begun } end
    end
  end
  if #old == 0 then return n, nil end
  table.sort(old, function(a, b) return a.ms > b.ms end)
  return n, { count = #old, items = { table.unpack(old, 1, math.min(#old, MOST)) } }
end

--- Names of the handlers that wait for a message since a message, and for which a condition holds.
-- @tparam function holds `function(name)`
-- @treturn table name → true
function waiting.which(holds)
  local found = {}
  for _, name in ipairs(names()) do
    if holds(name) then found[name] = true end
  end
  return found
end

--- Removes handlers. @tparam table which name → true
function waiting.drop(which)
  for i = #Handlers.list, 1, -1 do
    if which[Handlers.list[i].name] then table.remove(Handlers.list, i) end
  end
end

return waiting
