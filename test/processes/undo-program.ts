/** A program that changes a state at random, and the same plain tables in the same way. */
export const FUZZ = `
local fleet = require("fleet")
local json = require("json")
fleet.process { name = "fuzz", processType = "FUZZ", version = "1.0.0" }
local S = fleet.state("fuzz", { tree = { list = { 3, 1, 2 } }, filler = {} })
Plain = Plain or { list = { 3, 1, 2 } }
local Class = { __index = { inc = function(self) self.n = self.n + 1 end } }
local seed = 1
local function random(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return (seed >> 8) % n + 1
end

local function sortedKeys(t, kind)
  local found = {}
  for k, v in pairs(t) do
    if type(k) == "string" and type(v) == kind and k ~= "object" then found[#found + 1] = k end
  end
  table.sort(found)
  return found
end

-- The same table in both, at a random depth.
local function pick()
  local s, m = S.tree, Plain
  for _ = 1, random(4) - 1 do
    local names = sortedKeys(m, "table")
    if #names == 0 then return s, m end
    local name = names[random(#names)]
    if name ~= "list" then s, m = s[name], m[name] end
  end
  return s, m
end

local function both(s, m, fn) fn(s) fn(m) end

local steps = {
  function(s, m, k, v) s[k] = v m[k] = v end,
  function(s, m, k, v)
    both(s, m, function(t)
      local made = { list = { v, 2, 1 }, deep = { x = v } }
      t[k] = made
      made.y = v
      made.deep.z = { v }
      table.insert(t[k].list, v)
    end)
  end,
  function(s, m, k) both(s, m, function(t) t[k] = nil end) end,
  function(s, m, k, v) if m.list then both(s, m, function(t) table.insert(t.list, math.min(2, #t.list + 1), v) end) end end,
  function(s, m) if m.list then local a, b = table.remove(s.list, 1), table.remove(m.list, 1) assert(a == b) end end,
  function(s, m) if m.list then both(s, m, function(t) table.sort(t.list, function(a, b) return a > b end) end) end end,
  function(s, m, k, v) both(s, m, function(t) rawset(t, k, v) end) end,
  function(s, m, k) local a, b = pick() s[k] = a m[k] = b end,
  function(s, m, k) both(s, m, function(t) t[k], t.a = t.a, t[k] end) end,
  function(s, m) both(s, m, function(t) for k, v in pairs(t) do if type(v) == "number" and v % 2 == 1 then t[k] = nil end end end) end,
  function(s, m) both(s, m, function(t) for k, v in next, t do if type(v) == "number" then t[k] = v + 1 end end end) end,
  function(s, m, _, v) both(s, m, function(t) t.object = setmetatable({ n = v }, Class) t.object:inc() end) end,
  function(s, m) if m.object then both(s, m, function(t) t.object:inc() t.object.more = { 1 } end) end end,
  function(s, m) both(s, m, function(t) setmetatable(t, nil) fleet.object(t) end) end,
  function(s, m) if m.list then both(s, m, function(t) table.move(t.list, 1, 2, #t.list + 1) end) end end,
  function(s, m) if m.list then assert(table.concat(s.list, ",") == table.concat(m.list, ",")) assert(json.encode(s.list) == json.encode(m.list)) end end,
  function(s, m, k) both(s, m, function(t) t[k] = 1 setmetatable(t, Class) t[k] = { 2 } t.list = t.list or { 1 } end) end,
}

-- Whether two values look alike in every way that a program has to look, shared tables included.
local function alike(a, b, path, seen)
  if type(a) ~= "table" or type(b) ~= "table" then return assert(a == b and math.type(a) == math.type(b), path) end
  if seen[a] or seen[b] then return assert(seen[a] == b and seen[b] == a, path .. ": another table") end
  seen[a], seen[b] = b, a
  local meta = getmetatable(a)
  assert(meta == getmetatable(b) or meta.__name == getmetatable(b).__name, path .. ": metatable")
  assert(#a == #b and rawlen(a) == rawlen(b), path .. ": length")
  local n, raw = 0, 0
  for k in pairs(a) do n = n + 1 assert(b[k] ~= nil, path .. ": more") end
  for k, v in next, b do raw = raw + 1 alike(rawget(a, k), v, path .. "." .. tostring(k), seen) end
  for _ in next, a do raw = raw - 1 end
  assert(n > 0 or next(a) == nil, path .. ": next")
  assert(raw == 0, path .. ": iterated otherwise")
  for i, v in ipairs(a) do assert(rawequal(a[i], v) and i <= n, path .. ": ipairs") end
  return true
end

local known
-- Remembers each table of the state, and what is in it.
local function remember()
  known = {}
  local function visit(t)
    if known[t] then return end
    local copy = {}
    known[t] = copy
    for k, v in pairs(t) do
      copy[k] = v
      if type(v) == "table" then visit(v) end
    end
  end
  visit(S)
end

local function isRemembered()
  for t, copy in pairs(known) do
    for k, v in pairs(t) do if not rawequal(copy[k], v) or math.type(copy[k]) ~= math.type(v) then return false end end
    for k in pairs(copy) do if t[k] == nil then return false end end
  end
  return true
end

local KEYS = { "a", "b", "c", "d", "e" }
local function change(n)
  for _ = 1, n do
    local s, m = pick()
    steps[random(#steps)](s, m, KEYS[random(#KEYS)], random(9))
  end
end

fleet.on("CHANGE", {}, function(data)
  seed = data.seed
  change(data.n)
  alike(S.tree, Plain, "tree", {})
  remember()
  return { tables = #sortedKeys(S.tree, "table") }
end)
local function copyOf(t, seen)
  if type(t) ~= "table" then return t end
  if seen[t] then return seen[t] end
  local copy = {}
  seen[t] = copy
  for k, v in pairs(t) do copy[k] = copyOf(v, seen) end
  return setmetatable(copy, getmetatable(t))
end
fleet.on("FAIL", {}, function(data)
  seed = data.seed
  remember()
  local was = Plain
  Plain = copyOf(was, {})
  local ok, problem = pcall(change, data.n)
  Plain = was
  if not ok then error(problem, 0) end
  error(data.refuse and fleet.fail("NO", "no", "none") or "as asked")
end)
fleet.on("LOOK", { readonly = true }, function() return { same = isRemembered(), alike = alike(S.tree, Plain, "tree", {}) } end)
fleet.on("KEEP", {}, function(data)
  for i = 1, data.n do S.filler["key-" .. i] = { i } end
  return {}
end)
fleet.on("ADD", {}, function(data)
  local at = S.filler[data.key] or {}
  at[1] = (at[1] or 0) + 1
  at.by = { data.key }
  S.filler[data.key] = at
  if data.fail then error("no") end
  return { n = at[1] }
end)
local held
fleet.on("HOLD", {}, function() held = S.filler["key-7"] return {} end)
fleet.on("SPOIL", {}, function() held.x = { 1 } held[1] = nil error("no") end)
`;
