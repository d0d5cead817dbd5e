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

--- Called before code of the program runs that may change the states without `open`.
function undo.mayChange()
  journal.changes = (journal.changes or 0) + 1
end

--- Differs after anything that may have changed the states or globals.
function undo.mark()
  return (journal.changes or 0) .. "." .. journal.writes
end

--- Starts to record the changes of a message. @treturn table for `keep` or `back`
function undo.open()
  undo.mayChange()
  local isOuter = journal.depth == 0
  if isOuter then enclosed.settle() end
  local saved
  repeat saved = copies(isOuter and MOST_COPIED or math.huge) until saved
  store.stats.undoTables = #saved.tables
  saved.length, saved.pending = journal.n, #journal.pending
  journal.depth = journal.depth + 1
  return saved
end

local function close()
  journal.depth = journal.depth - 1
  if journal.depth == 0 then journal.log, journal.n = {}, 0 end
end

--- Keeps the changes.
function undo.keep()
  close()
end

--- Undoes the changes, table by table.
function undo.back(saved)
  enclosed.back(saved.length)
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
    for i = #t, length + 1, -1 do t[i] = nil end
  end
  close()
end

return undo
