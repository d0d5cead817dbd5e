--- Tables that record what is written to them, so that an undo costs what a message changed and not what the state contains.
--
-- Lua reports a write only for a key that a table does not have. So the members of an enclosed table are in a second table, its content, and
-- the table itself has only a metatable and a hidden key. It stays the same table: every reference to it, old or new, reads, writes and
-- iterates as before, and each write is recorded with the value that was there. Operators, `pairs`, `ipairs` and the functions of `table` and
-- `string` go through the metatable; the six functions that do not (`next`, `rawget`, `rawset`, `rawlen`, `getmetatable`, `setmetatable`)
-- are replaced, for the program and for the library, by ones that know the content.
--
-- A Lua whose `table` functions do not go through metatables (as in `lua@5.3a`) is detected, and its tables are never enclosed.
local modules = require("fleet.modules")
local store = require("fleet.store")

local enclosed = {}

--- The hidden key. It must never change: tables that an earlier load enclosed have it.
local CONTENT = "\0fleet.content"
--- Written instead of a content in the journal: a table that is no longer enclosed, and one that was marked as a JSON object or not.
local OPENED, MARKED = {}, {}
--- Values that wait to be enclosed while no library opens messages, as after a return to an earlier one.
local MOST_PENDING = 4096
--- Entries above which the unused room in an enclosed table is worth releasing.
local LARGE = 1024

local NAMES = { "next", "rawget", "rawset", "rawlen", "getmetatable", "setmetatable" }

-- The functions of Lua itself, also for later loads, which find the replaced ones in their environment.
if not Fleet.native then
  Fleet.native = { collectgarbage = collectgarbage }
  for _, name in ipairs(NAMES) do Fleet.native[name] = rawget(_ENV, name) or rawget(_G, name) end
end
local native = Fleet.native
local next, rawget, rawset = native.next, native.rawget, native.rawset
local getmeta, setmeta = native.getmetatable, native.setmetatable

-- log: (content, key, earlier value) of each write while a message is open; n: its length · depth: open messages · writes: number of all
-- writes ever, and of tables enclosed · pending: tables that were stored since the last `settle` · eager: tables in enclosed ones that cannot be enclosed ·
-- plain, object, mark: metatables · wrapped: functions that replace Lua's own
local journal = Fleet.journal
if not journal then
  journal = {
    log = {}, n = 0, depth = 0, writes = 0, pending = {}, eager = setmeta({}, { __mode = "k" }),
    plain = {}, object = { __name = "json.object" }, mark = { __name = "json.object" }, wrapped = {},
  }
  Fleet.journal = journal
end
enclosed.journal = journal

--- Whether a table is enclosed.
function enclosed.has(t)
  return rawget(t, CONTENT) ~= nil
end

local function record(content, key, value)
  journal.writes = journal.writes + 1
  if journal.depth == 0 then return end
  local log, n = journal.log, journal.n
  log[n + 1], log[n + 2], log[n + 3] = content, key, value
  journal.n = n + 3
end

local function write(t, k, v)
  if k == nil then error("index is nil", 3) end
  if k ~= k then error("index is NaN", 3) end
  local content = rawget(t, CONTENT)
  record(content, k, content[k])
  content[k] = v
  if type(v) == "table" and rawget(v, CONTENT) == nil then
    local pending = journal.pending
    pending[#pending + 1] = v
    -- Only an earlier library, which copies everything itself, never settles.
    if #pending > MOST_PENDING and journal.depth == 0 then enclosed.settle() end
  end
end

local function step(t, k)
  return next(rawget(t, CONTENT) or t, k)
end

for _, meta in ipairs({ journal.plain, journal.object }) do
  meta.__index = function(t, k) return rawget(t, CONTENT)[k] end
  meta.__newindex = function(t, k, v) write(t, k, v) end
  meta.__len = function(t) return #rawget(t, CONTENT) end
  meta.__pairs = function(t) return step, t, nil end
end

-- A mark of the library's JSON, which has no behaviour.
local function isMark(meta)
  return type(meta) == "table" and rawget(meta, "__name") == "json.object" and next(meta) == "__name" and next(meta, "__name") == nil
end

local function contentOf(t)
  return type(t) == "table" and rawget(t, CONTENT) or nil
end

--- The table with the members of an enclosed one, to be read only; nil for any other table.
enclosed.contentOf = contentOf

-- The members of a table that gets a metatable of the program go back into it.
local function open(t)
  local content = rawget(t, CONTENT)
  record(OPENED, t, { content, getmeta(t) })
  rawset(setmeta(t, nil), CONTENT, nil)
  for k, v in next, content do rawset(t, k, v) end
end

local replaced = {
  next = function(t, k)
    return next(contentOf(t) or t, k)
  end,
  rawget = function(t, k)
    local content = contentOf(t)
    if content then return content[k] end
    return rawget(t, k)
  end,
  rawset = function(t, k, v)
    if not contentOf(t) then return rawset(t, k, v) end
    write(t, k, v)
    return t
  end,
  rawlen = function(t) return native.rawlen(contentOf(t) or t) end,
  getmetatable = function(t)
    local meta = getmeta(t)
    if meta == journal.plain then return nil end
    return meta == journal.object and journal.mark or meta
  end,
  setmetatable = function(t, meta)
    if not contentOf(t) or meta ~= nil and type(meta) ~= "table" then return setmeta(t, meta) end
    if meta == nil or isMark(meta) then
      record(MARKED, t, getmeta(t))
      return setmeta(t, meta == nil and journal.plain or journal.object)
    end
    open(t)
    journal.eager[t] = true
    return setmeta(t, meta)
  end,
}

-- A large table keeps the room of its former members until it grows: keys that collide make it grow, to the few that it has.
local function shrink(t)
  local first = 1 << 40
  rawset(t, first, true)
  for bit = 0, 30 do rawset(t, first + (1 << bit), true) end
  rawset(t, first, nil)
  for bit = 0, 30 do rawset(t, first + (1 << bit), nil) end
end

-- Tables that belong to the code or to the library, although a state refers to them.
local function foreign()
  local found = modules.tables()
  found[_G], found[Fleet], found[store] = true, true, true
  return found
end

local function enclose(root, others)
  local stack, n = { root }, 1
  while n > 0 do
    local t = stack[n]
    stack[n], n = nil, n - 1
    local meta = getmeta(t)
    if rawget(t, CONTENT) ~= nil or type(meta) == "table" and rawget(meta, "__name") == "json.null" then
      -- It is already, or never changes.
    elseif others[t] or meta ~= nil and not isMark(meta) then
      journal.eager[t] = true
    else
      local content, count = {}, 0
      for k, v in next, t do
        content[k], count = v, count + 1
        if type(v) == "table" then
          n = n + 1
          stack[n] = v
        end
      end
      for k in next, content do rawset(t, k, nil) end
      if count >= LARGE then shrink(t) end
      rawset(t, CONTENT, content)
      journal.writes = journal.writes + 1
      setmeta(t, meta ~= nil and journal.object or journal.plain)
    end
  end
end

-- aos collects all garbage after every message, in time proportional to all tables of the process. With this, it does so once a quarter of
-- the memory in use may be garbage. `collectgarbage("collect")` is unchanged.
local function paceGarbage()
  local collect, used = native.collectgarbage, 0
  if not collect or journal.collects or rawget(_G, "collectgarbage") ~= collect then return end
  journal.collects = true
  rawset(_G, "collectgarbage", function(option, ...)
    if option ~= nil then return collect(option, ...) end
    if collect("count") < used * 1.25 then return 0 end
    collect()
    used = collect("count")
    return 0
  end)
end

--- Encloses a table and all tables in it.
function enclosed.add(root)
  enclose(root, foreign())
  paceGarbage()
end

--- Encloses the tables that were stored in enclosed ones since. Between messages, because a loop may be running over one of them.
function enclosed.settle()
  local pending = journal.pending
  if #pending == 0 then return end
  journal.pending = {}
  local others = foreign()
  for _, t in ipairs(pending) do enclose(t, others) end
end

--- Undoes all writes since the journal had a length.
-- @treturn boolean whether all members are in the same order as before: no key was added or removed in between
function enclosed.back(length)
  local log, isSameOrder = journal.log, true
  for at = journal.n - 2, length + 1, -3 do
    local content, k, value = log[at], log[at + 1], log[at + 2]
    if content == OPENED then
      setmeta(k, nil)
      for key in next, k do rawset(k, key, nil) end
      rawset(k, CONTENT, value[1])
      setmeta(k, value[2])
      journal.eager[k] = nil
    elseif content == MARKED then
      setmeta(k, value)
    else
      isSameOrder = isSameOrder and value ~= nil and content[k] ~= nil
      content[k] = value
    end
    log[at], log[at + 1], log[at + 2] = nil, nil, nil
  end
  journal.n = length
  return isSameOrder
end

--- Makes ordinary tables of all that is enclosed in the states. Every load does so first: it compares and replaces tables as they are.
function enclosed.release()
  local seen, stack = foreign(), {}
  for _, root in pairs(store.states) do stack[#stack + 1] = root end
  while #stack > 0 do
    local t = table.remove(stack)
    local content = rawget(t, CONTENT)
    if content then
      setmeta(t, getmeta(t) == journal.object and journal.mark or nil)
      rawset(t, CONTENT, nil)
    end
    if content or not seen[t] then
      seen[t] = true
      for k, v in next, content or t do
        if content then rawset(t, k, v) end
        if type(v) == "table" then stack[#stack + 1] = v end
      end
    end
  end
  journal.pending, journal.log, journal.n, journal.depth = {}, {}, 0, 0
  for t in next, journal.eager do journal.eager[t] = nil end
end

-- Whether the functions of this Lua work on an enclosed table as on any other.
local function works()
  local item = { 1 }
  local t = { 3, 1, item }
  enclose(t, {})
  table.insert(t, 4)
  table.insert(t, 1, 5)
  local taken = table.remove(t, 4)
  table.sort(t, function(a, b) return a < b end)
  local seen = {}
  for i, v in ipairs(t) do seen[i] = v end
  for _, v in pairs(t) do seen[#seen + 1] = v end
  t.x = 7
  local moved = table.move(t, 1, 2, 1, {})
  return taken == item and #item == 1 and item[1] == 1 and table.concat(t, " ") == "1 3 4 5" and #t == 4 and select("#", table.unpack(t)) == 4
    and table.concat(seen, " ") == "1 3 4 5 1 3 4 5" and ("x"):gsub("x", t) == "7" and moved[2] == 3 and replaced.next(item) == 1
end

local usable

--- Whether tables can be enclosed in this Lua. The first call replaces the functions that go past metatables.
function enclosed.isUsable()
  if usable ~= nil then return usable end
  local ok, found = pcall(works)
  usable = ok and found
  if not usable then return false end
  local targets = { _G }
  if not rawequal(_ENV, _G) then targets[2] = _ENV end
  for _, target in ipairs(targets) do
    for name, fn in next, replaced do
      local now = rawget(target, name)
      -- A function of the program's own with this name stays.
      if now == native[name] or journal.wrapped[now] then rawset(target, name, fn) end
    end
  end
  for _, fn in next, replaced do journal.wrapped[fn] = true end
  return true
end

enclosed.release()

return enclosed
