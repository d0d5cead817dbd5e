--- Converts plain Lua data to JSON and back without loss: globals, and states that have what their plain JSON (`fleet.state-json`) loses.
--
-- Values without a JSON form are encoded: integers beyond 2^53 (`__int`), floats that JSON would turn into integers, infinity and NaN
-- (`__float`), bytes that are not UTF-8 (`__bytes`, in hex), keys that are not strings (`__pairs`), big integers of aos' own `.bint`
-- (`__bint`), the null of the library's JSON (`__nil`). A table that is reached twice, or nested deeply, is written once in a list (`tables`) and referred to (`__ref`), so shared and
-- recursive tables are preserved. Functions, metatables, coroutines and userdata are refused with their path.
local fail = require("fleet.fail")
local json = require("fleet.json")

local lossless = {}

local SPELLED = { __int = true, __float = true, __bytes = true, __pairs = true, __bint = true, __ref = true, __nil = true }
local SAFE = 9007199254740991
--- Maximum nesting of tables that are written inline; JSON is parsed up to 64 levels, of which `__pairs` uses three.
local DEEP = 12

local function refuse(path, what)
  error(fail.new("EXPORT_UNSUPPORTED", path .. " " .. what .. " and cannot be moved",
    "Keep plain data in it. If it is a global, you can list the globals to carry instead: state: { globals: [...] } in the declaration."))
end

--- `name.key` or `name[1]`, in Lua syntax.
local function below(path, key)
  if type(key) == "string" and key:match("^[%a_][%w_]*$") then return path .. "." .. key end
  local shown = type(key) == "string" and string.format("%q", key:sub(1, 60)) or tostring(key)
  return path .. "[" .. shown .. "]"
end

--- The number of bits of a big integer, if its class is aos' own.
local function bintBits(value)
  local class = getmetatable(value)
  local bits = type(class) == "table" and rawget(class, "bits")
  local module = package.loaded[".bint"]
  if math.type(bits) ~= "integer" or not module then return nil end
  local ok, known = pcall(module, bits)
  return ok and rawequal(known, class) and bits or nil
end

lossless.bintBits = bintBits

local function number(value)
  if math.type(value) == "integer" then
    if value > SAFE or value < -SAFE then return { __int = string.format("%d", value) } end
    return value
  end
  if value ~= value then return { __float = "nan" } end
  if value == math.huge then return { __float = "inf" } end
  if value == -math.huge then return { __float = "-inf" } end
  if value ~= math.floor(value) then return value end
  local text = string.format("%.17g", value)
  return { __float = text:find("[%.e]") and text or text .. ".0" }
end

local function isUtf8(value)
  local n = utf8.len(value)
  -- As many characters as bytes: ASCII, which is what most strings are.
  return n == #value or n ~= nil and not value:find("\xED[\xA0-\xBF]")
end

lossless.isUtf8 = isUtf8

local function text(value)
  if isUtf8(value) then return value end
  return { __bytes = (value:gsub(".", function(c) return string.format("%02x", c:byte()) end)) }
end

--- How often each table is reached from some roots. Everything else is checked by `pack`, which knows the path.
-- @param ... tables of roots: name → value
-- @treturn table table → number
function lossless.counted(...)
  local count, stack = {}, {}
  for _, roots in ipairs({ ... }) do
    for _, root in pairs(roots) do
      if type(root) == "table" then stack[#stack + 1] = root end
    end
  end
  while #stack > 0 do
    local t = table.remove(stack)
    count[t] = (count[t] or 0) + 1
    if count[t] == 1 and not bintBits(t) then
      for _, v in next, t do
        if type(v) == "table" then stack[#stack + 1] = v end
      end
    end
  end
  return count
end

--- A key of a table, as in `__pairs`.
function lossless.key(k, path)
  local kind = type(k)
  if kind == "number" then return number(k) end
  if kind == "string" then return text(k) end
  if kind ~= "boolean" then refuse(path, "has a key that is a " .. kind) end
  return k
end

--- Packs values of some roots one after the other.
-- @tparam table groups list of { roots: name → value, isStates: whether the roots themselves may have metatables, which are not packed }
-- @treturn table { value = function(value, path, depth), body = function(table, path, depth), isOwn = function(table, depth): whether a table is
--   written where it is, and not in the list, queue = list of { table, path } in the order of their ids }
-- Longer than 60 lines: packing a value and packing a table call each other and share the ids of one call.
function lossless.packer(groups)
  local all, states = {}, {}
  for i, group in ipairs(groups) do
    all[i] = group.roots
    for _, root in pairs(group.isStates and group.roots or {}) do states[root] = true end
  end
  local count = lossless.counted(table.unpack(all))
  local ids, queue = {}, {}
  local pack

  local function isPlain(t)
    return getmetatable(t) == nil or json.isObject(t) or states[t] == true
  end

  local function body(t, path, depth)
    local keys, plain = {}, true
    for k in next, t do
      keys[#keys + 1] = k
      if type(k) ~= "string" or SPELLED[k] or not isUtf8(k) then plain = false end
    end
    if #keys == 0 then return json.isObject(t) and json.object() or {} end
    if plain then
      table.sort(keys)
      local copy = json.object()
      for _, k in ipairs(keys) do copy[k] = pack(t[k], below(path, k), depth + 1) end
      return copy
    end
    if json.isArray(t) then
      local copy = {}
      for i = 1, #keys do copy[i] = pack(rawget(t, i), below(path, i), depth + 1) end
      return copy
    end
    local list, order = {}, {}
    for _, k in ipairs(keys) do
      local key = lossless.key(k, path)
      list[#list + 1] = { key, k }
      order[list[#list]] = json.encode(key)
    end
    table.sort(list, function(a, b) return order[a] < order[b] end)
    for _, pair in ipairs(list) do pair[2] = pack(rawget(t, pair[2]), below(path, pair[2]), depth + 1) end
    return { __pairs = list }
  end

  pack = function(value, path, depth)
    local kind = type(value)
    if kind == "number" then return number(value) end
    if kind == "string" then return text(value) end
    if kind == "boolean" then return value end
    if kind ~= "table" then refuse(path, "is a " .. kind) end
    if json.isNull(value) then return { __nil = "null" } end
    if not isPlain(value) then
      local bits = bintBits(value)
      if not bits then refuse(path, "has a metatable") end
      local words = {}
      for i = 1, rawlen(value) do words[i] = number(rawget(value, i)) end
      return { __bint = { bits, words } }
    end
    if count[value] > 1 or depth >= DEEP then
      if not ids[value] then
        queue[#queue + 1] = { value, path }
        ids[value] = #queue
      end
      return { __ref = ids[value] }
    end
    return body(value, path, depth)
  end

  local function isOwn(value, depth)
    return isPlain(value) and count[value] == 1 and depth < DEEP
  end
  return { value = pack, body = body, isOwn = isOwn, queue = queue }
end

--- Packs groups of roots, which may share tables.
-- @tparam table groups list of { roots: name → value, gone: names without a value, or nil, isStates: see `packer` }
-- @treturn table list of name → packed value, for each group
-- @treturn table list of packed tables, which `__ref` refers to from 1
-- @raise a failure EXPORT_UNSUPPORTED that names the path
function lossless.packed(groups)
  local packer, tables, all = lossless.packer(groups), {}, {}
  for i, group in ipairs(groups) do
    local names, packed = {}, json.object()
    for name in pairs(group.roots) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do packed[name] = packer.value(group.roots[name], name, 1) end
    for _, name in ipairs(group.gone or {}) do packed[name] = { __nil = true } end
    all[i] = packed
  end
  local at = 1
  while packer.queue[at] do
    tables[at] = packer.body(packer.queue[at][1], packer.queue[at][2], 1)
    at = at + 1
  end
  return all, tables
end

--- The same for one group. @treturn table name → packed value · list of packed tables
function lossless.pack(roots, gone)
  local all, tables = lossless.packed({ { roots = roots, gone = gone } })
  return all[1], tables
end

-- The Lua of some devices has no such number.
local hasNan, nan = pcall(function() return 0 / 0 end)
local FLOATS = { inf = math.huge, ["-inf"] = -math.huge, nan = hasNan and nan or nil }

--- Unpacks the result of `pack` into the existing tables, so that references to them see the imported values.
-- @tparam table packed name → packed value
-- @tparam table tables the list of tables
-- @tparam table existing name → current value
-- @tparam ?table foreign tables that must not be filled: table → true
-- @tparam ?table made shared tables that are there already: id → table
-- @treturn table name → value; names without a value are omitted
-- @treturn table all shared tables that the values refer to: id → table
-- Longer than 60 lines: building a value and filling a table call each other and share the tables of one call.
function lossless.unpack(packed, tables, existing, foreign, made)
  made = made or {}
  local queue, used = {}, {}
  for t in pairs(foreign or {}) do used[t] = true end
  local build

  -- A table to fill, and its previous content. An existing table is used once, for the first value at its place.
  local function target(there)
    if type(there) ~= "table" or used[there] or bintBits(there) or json.isNull(there) then return {}, {} end
    used[there] = true
    local had = {}
    for k, v in next, there do had[k] = v end
    -- Functions are kept: reading the result back detects and reports them.
    for k, v in next, had do
      if type(v) ~= "function" then rawset(there, k, nil) end
    end
    return there, had
  end

  local function fill(t, had, from)
    if type(from.__pairs) == "table" then
      for _, pair in ipairs(from.__pairs) do
        local key = build(pair[1])
        rawset(t, key, build(pair[2], had[key]))
      end
      return t
    end
    for k, v in next, from do rawset(t, k, build(v, had[k])) end
    if next(from) == nil and (getmetatable(t) == nil or json.isObject(t)) then setmetatable(t, getmetatable(from)) end
    return t
  end

  build = function(value, there)
    if type(value) ~= "table" then return value end
    if type(value.__int) == "string" then return math.tointeger(tonumber(value.__int)) end
    if type(value.__float) == "string" then return FLOATS[value.__float] or tonumber(value.__float) end
    if value.__nil == "null" then return json.NULL end
    if type(value.__bytes) == "string" then
      return (value.__bytes:gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end))
    end
    if type(value.__bint) == "table" then
      local words = {}
      for i, word in ipairs(value.__bint[2]) do words[i] = build(word) end
      local ok, module = pcall(require, ".bint")
      if not ok then error(fail.new("BAD_STATE", "the state contains big integers of .bint, which this process does not have", "Use the same AO module.")) end
      return setmetatable(words, module(value.__bint[1]))
    end
    if math.type(value.__ref) == "integer" then
      local id = value.__ref
      if not made[id] then
        local had
        if type(tables[id]) ~= "table" then error(fail.new("BAD_STATE", "the state refers to a table that it does not contain", "Export the state again.")) end
        made[id], had = target(there)
        queue[#queue + 1] = { made[id], had, tables[id] }
      end
      return made[id]
    end
    local t, had = target(there)
    return fill(t, had, value)
  end

  local result = {}
  local names = {}
  for name in pairs(packed) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = packed[name]
    if not (type(value) == "table" and value.__nil == true) then result[name] = build(value, existing[name]) end
  end
  local at = 1
  while queue[at] do
    fill(table.unpack(queue[at]))
    at = at + 1
  end
  return result, made
end

return lossless
