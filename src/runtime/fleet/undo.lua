--- Undoes what a failed message changed in the states.
--
-- A small state is recorded before the message: every table reachable from it, with a flat copy of its members. A state that has grown is
-- enclosed instead (see `fleet.enclosed`), and then each write of the message is recorded. Either way each table is restored in place, so
-- references to it remain valid. Tables with a metatable of the program, and tables of modules, are always copied, also in a large state.
local enclosed = require("fleet.enclosed")
local store = require("fleet.store")

local undo = {}

local journal, native = enclosed.journal, Fleet.native
local next, rawset, getmeta, setmeta = native.next, native.rawset, native.getmetatable, native.setmetatable
-- No export continues across a load.
journal.watchedUntil = nil

--- Members of all states together that are copied for each message; a state that has more is enclosed.
local MOST_COPIED = 1000

-- Adds a table and all tables in it. @treturn boolean false if there is no room for them
local function copy(saved, root)
  local tables, copies, seen = saved.tables, saved.copies, saved.seen
  if seen[root] or enclosed.has(root) then return true end
  seen[root] = true
  tables[#tables + 1] = root
  for at = #tables, math.huge do
    local t = tables[at]
    if not t then return true end
    local flat = {}
    for k, v in next, t do
      saved.room = saved.room - 1
      flat[k] = v
      if type(v) == "table" and not seen[v] and not enclosed.has(v) then
        seen[v] = true
        tables[#tables + 1] = v
      end
    end
    copies[at], saved.metas[at] = flat, getmeta(t)
    if saved.room < 0 then return false end
  end
end

-- The copies of all states that are not enclosed; nil after one of them had to be enclosed.
local function copies(room)
  local saved = { tables = {}, copies = {}, seen = {}, metas = {}, lengths = {}, room = room }
  for name, root in pairs(store.states) do
    if store.undo[name] == "append" then
      saved.lengths[#saved.lengths + 1] = { root, #root }
    elseif store.undo[name] ~= "none" and not journal.eager[root] and not copy(saved, root) then
      if not enclosed.isUsable() then return copies(math.huge) end
      enclosed.add(root)
      return nil
    end
  end
  saved.room = math.huge
  for t in next, journal.eager do copy(saved, t) end
  -- A message within a message: what the outer one stored is not enclosed yet.
  for _, t in ipairs(journal.pending) do copy(saved, t) end
  return saved
end

-- What a table has, in the order in which `next` returns it: an export in parts relies on that order, too.
local function membersOf(t)
  local list, n = {}, 0
  for k, v in next, t do
    list[n + 1], list[n + 2], n = k, v, n + 2
  end
  return list
end

local function isSame(a, b)
  return rawequal(a, b) and math.type(a) == math.type(b) or a ~= a and b ~= b
end

local function hasMembers(t, list)
  local n = 0
  for k, v in next, t do
    if not isSame(list[n + 1], k) or not isSame(list[n + 2], v) then return false end
    n = n + 2
  end
  return list[n + 1] == nil
end

local function hasUnrecorded()
  for name in pairs(store.states) do
    if store.undo[name] == "none" then return true end
  end
  return false
end

-- Whether the states that were copied are as they were, down to the order of their members. What is enclosed is known by its writes.
local function isUnchanged(saved)
  for i, t in ipairs(saved.tables) do
    if getmeta(t) ~= saved.metas[i] or not hasMembers(t, saved.members[i]) then return false end
  end
  for _, entry in ipairs(saved.lengths) do
    if #entry[1] ~= entry[2] then return false end
  end
  return not hasUnrecorded()
end

-- Whether an export in parts wants to know exactly which messages change something.
local function isWatched()
  local now = Fleet.current and Fleet.current.at or 0
  return journal.watchedUntil ~= nil and now <= journal.watchedUntil
end

--- Compares what messages leave with what they found, until a time: otherwise each may have changed something.
-- @tparam ?number untilMs scheduler time; nil: no more
function undo.watch(untilMs)
  journal.watchedUntil = untilMs
  if not untilMs or journal.depth > 0 then return end
  -- The next message would do this, and move members of tables that are being exported.
  enclosed.settle()
  while not copies(MOST_COPIED) do end
end

--- Called if code of the program may have changed the states without `open`.
function undo.mayChange()
  journal.changes = (journal.changes or 0) + 1
end

--- Called before code of the program runs that may change its globals.
function undo.mayRun()
  journal.runs = (journal.runs or 0) + 1
end

--- Differs after anything that may have changed the states.
-- @tparam boolean hasGlobals whether also after anything that may have changed the program's globals, of which no writes are recorded
function undo.mark(hasGlobals)
  return (journal.changes or 0) .. "." .. journal.writes .. (hasGlobals and "." .. (journal.runs or 0) or "")
end

--- Starts to record the changes of a message. @treturn table for `keep` or `back`
function undo.open()
  undo.mayRun()
  local isExact = isWatched()
  if not isExact then undo.mayChange() end
  local isOuter = journal.depth == 0
  if isOuter then enclosed.settle() end
  local saved
  repeat saved = copies(isOuter and MOST_COPIED or math.huge) until saved
  store.stats.undoTables = #saved.tables
  saved.length, saved.pending, saved.writes = journal.n, #journal.pending, journal.writes
  if isExact then
    saved.members = {}
    for i, t in ipairs(saved.tables) do saved.members[i] = membersOf(t) end
  end
  journal.depth = journal.depth + 1
  return saved
end

local function close()
  journal.depth = journal.depth - 1
  if journal.depth == 0 then journal.log, journal.n = {}, 0 end
end

local function compare(saved)
  if saved.members and not isUnchanged(saved) then undo.mayChange() end
end

--- Keeps the changes.
function undo.keep(saved)
  compare(saved)
  close()
end

--- Undoes the changes, table by table.
function undo.back(saved)
  if enclosed.back(saved.length) then journal.writes = saved.writes end
  for at = #journal.pending, saved.pending + 1, -1 do journal.pending[at] = nil end
  for i, t in ipairs(saved.tables) do
    local flat = saved.copies[i]
    for k in next, t do
      if flat[k] == nil then rawset(t, k, nil) end
    end
    for k, v in next, flat do rawset(t, k, v) end
    -- One that protects itself can be neither replaced by the program nor restored.
    if getmeta(t) ~= saved.metas[i] then pcall(setmeta, t, saved.metas[i]) end
  end
  for _, entry in ipairs(saved.lengths) do
    local t, length = entry[1], entry[2]
    if #t > length and saved.members then undo.mayChange() end
    for i = #t, length + 1, -1 do t[i] = nil end
  end
  compare(saved)
  close()
end

return undo
