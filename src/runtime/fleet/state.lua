--- Named tables that survive messages and loads, that are restored if a handler fails, and that can be moved to
-- another process with a digest.
--
-- How a failure is undone: before a handler runs, every table reachable from a declared state is recorded with a flat
-- copy of its members; after an error each table is restored, so references to it remain valid. The cost is
-- proportional to the state (measured in aos 2.0.3: 35 ms for 10,000 small tables, 0.4 s for 100,000; `undoTables` of
-- GET_STATISTICS is the number of tables), and `readonly` handlers avoid it. For a large list that only grows, declare
-- `undo = "append"`: only its length is recorded, because its entries never change. A state with `undo = "none"` is not
-- restored: use it for code that checks everything before it changes anything.
-- Globals and local variables are not undone, so data that must be consistent belongs into a state. Globals are moved
-- (`fleet.globals`), local variables are not.
local fail = require("fleet.fail")
local globals = require("fleet.globals")
local json = require("fleet.json")
local sha256 = require("fleet.sha256")
local store = require("fleet.store")

local state = {}

local UNDO = { copy = true, append = true, none = true }

--- Declares a persistent table, or returns the existing one.
-- @tparam string name unique in the process, part of `EXPORT_STATE`
-- @tparam ?table default its initial content, used only once
-- @tparam ?table options `undo`: `copy` (default), `append` or `none` · `partition`: its keys are those of the service's traffic
-- @treturn table the same table for the same name
function state.declare(name, default, options)
  if type(name) ~= "string" or name == "" then error("fleet.state: a name is required", 3) end
  local undo = options and options.undo or "copy"
  if not UNDO[undo] then error("fleet.state " .. name .. ": undo must be copy, append or none", 3) end
  if store.states[name] == nil then store.states[name] = default or {} end
  store.undo[name] = undo
  if options and options.partition ~= nil then store.partitioned[name] = options.partition == true or nil end
  return store.states[name]
end

--- Records all states. @treturn table for `restore`
function state.save()
  local flat, lengths, seen, queue = {}, {}, {}, {}
  for name, root in pairs(store.states) do
    if store.undo[name] == "append" then
      lengths[#lengths + 1] = { root, #root }
    elseif store.undo[name] ~= "none" then
      queue[#queue + 1] = root
      seen[root] = true
    end
  end
  local at = 1
  while queue[at] do
    local t, copy = queue[at], {}
    for k, v in next, t do
      copy[k] = v
      if type(v) == "table" and not seen[v] then
        seen[v] = true
        queue[#queue + 1] = v
      end
    end
    flat[at] = copy
    at = at + 1
  end
  store.stats.undoTables = at - 1
  return { tables = queue, copies = flat, lengths = lengths }
end

--- Restores all states as recorded by `save`, table by table.
function state.restore(saved)
  for i, t in ipairs(saved.tables) do
    local copy = saved.copies[i]
    for k in next, t do
      if copy[k] == nil then t[k] = nil end
    end
    for k, v in next, copy do t[k] = v end
  end
  for _, entry in ipairs(saved.lengths) do
    local t, length = entry[1], entry[2]
    for i = #t, length + 1, -1 do t[i] = nil end
  end
end

-- JSON has no keys other than strings, no integers beyond 2^53 and no infinity: these are encoded.
local SPELLED = { __pairs = true, __int = true, __float = true }
local SAFE = 9007199254740991

-- `above`: the tables from the root to the value; a table that occurs again contains itself.
local function pack(value, path, above)
  local kind = type(value)
  if kind == "number" then
    if math.type(value) == "integer" and (value > SAFE or value < -SAFE) then
      return { __int = string.format("%d", value) }
    elseif value ~= value or value == math.huge or value == -math.huge then
      return { __float = tostring(value) }
    end
    return value
  elseif kind == "string" then
    if not utf8.len(value) or value:find("\xED[\xA0-\xBF]") then
      error(fail.new("EXPORT_UNSUPPORTED", path .. " is not UTF-8 and cannot be exported", "Store bytes as hex or base64."))
    end
    return value
  elseif kind == "boolean" then
    return value
  elseif kind ~= "table" then
    error(fail.new("EXPORT_UNSUPPORTED", path .. " is a " .. kind .. " and cannot be moved", "Keep plain data in states."))
  end
  above = above or {}
  if above[value] then
    error(fail.new("EXPORT_UNSUPPORTED", path .. " contains itself and cannot be moved", "Keep plain data in states."))
  elseif next(above) ~= nil and getmetatable(value) ~= nil and not json.isObject(value) then
    error(fail.new("EXPORT_UNSUPPORTED", path .. " has a metatable and cannot be moved", "Keep plain data in states."))
  end
  above[value] = true
  local plain = json.isArray(value)
  if not plain then
    plain = true
    for k in pairs(value) do
      if type(k) ~= "string" or SPELLED[k] then plain = false end
    end
  end
  if plain then
    local copy = {}
    if next(value) == nil and json.isObject(value) then copy = json.object(copy) end
    for k, v in pairs(value) do copy[k] = pack(v, path .. "." .. tostring(k), above) end
    above[value] = nil
    return copy
  end
  local list = {}
  for k, v in pairs(value) do
    if type(k) == "table" or type(k) == "function" then
      error(fail.new("EXPORT_UNSUPPORTED", path .. " has a key that is a " .. type(k), "Use strings and numbers as keys."))
    end
    list[#list + 1] = { pack(k, path), pack(v, path .. "." .. tostring(k), above) }
  end
  above[value] = nil
  table.sort(list, function(a, b) return json.encode(a[1]) < json.encode(b[1]) end)
  return { __pairs = list }
end

local function unpack(value)
  if type(value) ~= "table" then return value end
  if type(value.__int) == "string" then return math.tointeger(tonumber(value.__int)) or 0 end
  if type(value.__float) == "string" then
    return ({ inf = math.huge, ["-inf"] = -math.huge })[value.__float] or (0 / 0)
  end
  local result = json.isObject(value) and json.object() or {}
  if type(value.__pairs) == "table" then
    for _, pair in ipairs(value.__pairs) do
      if type(pair) == "table" and pair[1] ~= nil then result[unpack(pair[1])] = unpack(pair[2]) end
    end
    return result
  end
  for k, v in pairs(value) do result[k] = unpack(v) end
  return result
end

--- Exports all states and the program's globals as plain JSON data, with a digest (sha256 of the canonical JSON) to verify copies.
-- @tparam ?table names globals to export instead of the declared or detected ones
-- @tparam ?boolean whole includes globals even if there are none, so that an import also clears them
-- @treturn table { schema, stateVersion, states }, and with globals `schema` 2, which earlier libraries refuse, `globals` and `tables`
-- @treturn string 64 hex digits
-- @treturn table { carried, left, unknown }: names of exported globals, of others that messages changed, and of exported ones that are
--   too large to know whether messages changed them
function state.export(names, whole)
  local states = json.object()
  for name, value in pairs(store.states) do states[name] = pack(value, name) end
  local exported = { schema = 1, stateVersion = store.stateVersion or "1", states = states }
  local found, carried, left, unknown = globals.export(names)
  if #carried > 0 then exported.schema = 2 end
  if #carried > 0 or whole then exported.globals, exported.tables = found.globals, found.tables end
  return exported, sha256(json.encode(exported)), { carried = carried, left = left, unknown = unknown }
end

--- The data of some keys in the partitioned states, in the format of `export`.
-- @tparam function belongs `function(key)`
function state.slice(belongs)
  local states = json.object()
  for name in pairs(store.partitioned) do
    local part = json.object()
    for k, v in pairs(store.states[name] or {}) do
      if belongs(tostring(k)) then part[k] = v end
    end
    states[name] = pack(part, name)
  end
  local exported = { schema = 1, stateVersion = store.stateVersion or "1", states = states }
  return exported, sha256(json.encode(exported))
end

local function verified(exported, digest)
  local actual = sha256(json.encode(exported))
  if actual ~= digest then
    error(fail.new("DIGEST_MISMATCH", "the state has the digest " .. actual .. ", which differs from the given one",
      "Send the state exactly as returned by EXPORT_STATE, with its digest."))
  end
  local isKnown = exported.schema == 1 or exported.schema == 2 and type(exported.globals) == "table" and type(exported.tables) == "table"
  if not isKnown or type(exported.states) ~= "table" or type(exported.stateVersion) ~= "string" then
    error(fail.new("BAD_STATE", "the state is not in the format of this library's EXPORT_STATE", "Export it from a process of this fleet."))
  end
  for name, value in pairs(exported.states) do
    if type(name) ~= "string" or type(value) ~= "table" then
      error(fail.new("BAD_STATE", "the state " .. tostring(name) .. " is not a table", "Export it again."))
    end
  end
  return actual
end

--- Replaces the data of some keys with the result of `slice`.
-- @raise a failure `DIGEST_MISMATCH`, `BAD_STATE` or `NO_MIGRATION`; then nothing is changed
function state.replace(exported, digest, belongs)
  local actual = verified(exported, digest)
  if exported.stateVersion ~= (store.stateVersion or "1") then
    error(fail.new("NO_MIGRATION", "keys of the shape " .. exported.stateVersion .. " cannot be added to those of the shape " .. (store.stateVersion or "1"),
      "Use trafficStrategy INSTANT for a release that changes the shape."))
  end
  for name in pairs(exported.states) do
    if not store.partitioned[name] then
      error(fail.new("BAD_STATE", "the state " .. name .. " is not partitioned here", "Declare it with partition = true, or use trafficStrategy INSTANT."))
    end
  end
  for name in pairs(store.partitioned) do
    local target = store.states[name]
    for k in next, target do
      if belongs(tostring(k)) then target[k] = nil end
    end
    for k, v in pairs(unpack(exported.states[name] or {})) do target[k] = v end
  end
  return actual
end

--- Replaces the content of the states and globals with the result of `export`, keeping the tables themselves.
-- @treturn string the digest
-- @treturn function() that undoes the import of the globals; the states are restored with the failed handler
-- @raise a failure `DIGEST_MISMATCH` or `BAD_STATE`; then nothing is changed
function state.import(exported, digest)
  local actual = verified(exported, digest)
  local undo = globals.import(exported.globals, exported.tables)
  for name, value in pairs(exported.states) do
    local target = state.declare(name, {}, { undo = store.undo[name] })
    for k in next, target do target[k] = nil end
    for k, v in pairs(unpack(value)) do target[k] = v end
  end
  return actual, undo
end

return state
