--- Decides in which JSON states are carried: plain (`fleet.state-json`), which every version of the library reads, or lossless
-- (`fleet.lossless-json`), together with the globals, if plain JSON would lose something: a float that is written like an integer, a table that
-- is reached twice, bytes that are not UTF-8, a big integer of `.bint`, or the null of the library's JSON. An export with lossless states has the schema 3.
local enclosed = require("fleet.enclosed")
local globals = require("fleet.globals")
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local stateJson = require("fleet.state-json")
local store = require("fleet.store")

local exact = {}

local contentOf, isUtf8 = enclosed.contentOf, lossless.isUtf8
local next, getmeta = Fleet.native.next, Fleet.native.getmetatable

-- The library's own states, which keep nothing that plain JSON loses: name → true. A move leaves the router's table out of an export, so nothing
-- else in the export may depend on it.
local plain = {}

--- Called by the library for a state of its own.
function exact.keepPlain(name)
  plain[name] = true
end

--- The states of an export.
-- @tparam ?table only their names; nil: all
function exact.selected(only)
  if not only then return store.states end
  local states = {}
  for _, name in ipairs(only) do states[name] = store.states[name] end
  return states
end

-- Adds the tables that are reached from a state. @treturn boolean whether plain JSON would lose something
local function reach(root, seen)
  if seen[root] then return true end
  seen[root] = true
  local stack = { root }
  while #stack > 0 do
    local t = table.remove(stack)
    for k, v in next, contentOf(t) or t do
      if type(k) == "string" and not isUtf8(k) then return true end
      local kind = type(v)
      if kind == "table" then
        if seen[v] or getmeta(v) ~= nil and (lossless.bintBits(v) or json.isNull(v)) then return true end
        seen[v] = true
        stack[#stack + 1] = v
      elseif kind == "string" then
        if not isUtf8(v) then return true end
      elseif kind == "number" and math.type(v) == "float" and math.tointeger(v) ~= nil then
        -- JSON has it without a fraction. Beyond 64 bits, infinity and NaN are floats in plain JSON, too.
        return true
      end
    end
  end
  return false
end

--- Whether plain JSON would lose something of states.
-- @tparam table states name → table
-- @tparam ?table roots globals that are exported with them: name → value
-- @raise a failure EXPORT_UNSUPPORTED for the name of a state that JSON cannot express
function exact.isNeeded(states, roots)
  local seen = {}
  for name in pairs(states) do stateJson.key(name, "the list of states") end
  for name, state in pairs(states) do
    if not plain[name] and reach(state, seen) then return true end
  end
  local carried = {}
  for name, value in pairs(roots or {}) do
    if not globals.isJoined(name) then carried[name] = value end
  end
  for t in next, lossless.counted(carried) do
    if seen[t] then return true end
  end
  return false
end

-- A state as it is after a hand-over in plain JSON.
local function copy(state, name)
  return stateJson.unpack(json.decode(json.encode(stateJson.pack(state, name, true))))
end

--- The groups for `lossless.packer`.
-- @tparam table states name → table
-- @tparam ?table found globals, see `globals.selected`
function exact.groups(states, found)
  local roots = {}
  for name, state in pairs(states) do roots[name] = plain[name] and copy(state, name) or state end
  return { { roots = roots, isStates = true }, found and { roots = found.roots, gone = found.gone } }
end

--- Whether two packed values are the same JSON.
function exact.isSame(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if next(a) == nil and next(b) == nil then return json.isObject(a) == json.isObject(b) end
  for k, v in next, a do
    if not exact.isSame(v, b[k]) then return false end
  end
  for k in next, b do
    if a[k] == nil then return false end
  end
  return true
end

return exact
