--- Records a value, to detect later whether it changed and to restore it in the same tables.
local memory = {}

local function same(a, b)
  return rawequal(a, b) or (a ~= a and b ~= b)
end

--- Records the current value: for a table, a shallow copy of every table in it. Nil if there are too many entries.
-- @tparam number room the most table entries to record
-- @tparam ?table outside tables that are not recorded, unless they are the value itself: table → true
-- @treturn ?table the record · the remaining room
function memory.of(value, room, outside)
  if type(value) ~= "table" then return { value = value }, room end
  local queue, copies, seen, at = { value }, {}, { [value] = true }, 1
  while queue[at] do
    local copy = {}
    for k, v in next, queue[at] do
      room = room - 1
      if room < 0 then return nil, 0 end
      copy[k] = v
      for _, each in ipairs({ k, v }) do
        if type(each) == "table" and not seen[each] and not (outside and outside[each]) then
          seen[each] = true
          queue[#queue + 1] = each
        end
      end
    end
    copies[at] = copy
    at = at + 1
  end
  return { value = value, tables = queue, copies = copies }, room
end

--- Whether a value is unchanged.
-- @tparam ?function ignores `function(table, key)`: differences that do not count
function memory.holds(kept, value, ignores)
  if not same(kept.value, value) then return false end
  local function differs(t, k)
    return not (ignores and ignores(t, k))
  end
  for i, t in ipairs(kept.tables or {}) do
    local copy = kept.copies[i]
    for k, v in next, t do
      if not same(copy[k], v) and differs(t, k) then return false end
    end
    for k in next, copy do
      if t[k] == nil and differs(t, k) then return false end
    end
  end
  return true
end

--- Whether another value has the same content as the recorded one. All functions count as equal: they are code.
function memory.equals(kept, value)
  local copies, pairs = {}, {}
  for i, t in ipairs(kept.tables or {}) do copies[t] = kept.copies[i] end
  local function equal(old, new)
    if type(old) ~= "table" or type(new) ~= "table" then return same(old, new) or type(old) == "function" and type(new) == "function" end
    if pairs[old] then return pairs[old] == new end
    pairs[old] = new
    local copy = copies[old]
    if not copy then return rawequal(old, new) end
    for k, v in next, copy do
      if not equal(v, rawget(new, k)) then return false end
    end
    for k in next, new do
      if copy[k] == nil then return false end
    end
    return true
  end
  return equal(kept.value, value)
end

--- Restores the content of the tables.
-- @tparam ?table except tables that are not restored, because they belong to others: table → true
-- @treturn any the value
function memory.restore(kept, except)
  for i, t in ipairs(kept.tables or {}) do
    if not (except and except[t]) then
      for k in next, t do rawset(t, k, nil) end
      for k, v in next, kept.copies[i] do rawset(t, k, v) end
    end
  end
  return kept.value
end

return memory
