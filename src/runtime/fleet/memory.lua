--- Records a value, to detect later whether it changed and to restore it in the same tables.
local memory = {}

local function same(a, b)
  return rawequal(a, b) or (a ~= a and b ~= b)
end

--- Records the current value: for a table, a shallow copy of every table in it. Nil if there are too many entries.
-- @tparam number room the most table entries to record
-- @treturn ?table the record · the remaining room
function memory.of(value, room)
  if type(value) ~= "table" then return { value = value }, room end
  local queue, copies, seen, at = { value }, {}, { [value] = true }, 1
  while queue[at] do
    local copy = {}
    for k, v in next, queue[at] do
      room = room - 1
      if room < 0 then return nil, 0 end
      copy[k] = v
      for _, each in ipairs({ k, v }) do
        if type(each) == "table" and not seen[each] then
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
function memory.holds(kept, value)
  if not same(kept.value, value) then return false end
  for i, t in ipairs(kept.tables or {}) do
    local copy = kept.copies[i]
    for k, v in next, t do
      if not same(copy[k], v) then return false end
    end
    for k in next, copy do
      if t[k] == nil then return false end
    end
  end
  return true
end

--- Restores the content of the tables. @treturn any the value
function memory.restore(kept)
  for i, t in ipairs(kept.tables or {}) do
    for k in next, t do rawset(t, k, nil) end
    for k, v in next, kept.copies[i] do rawset(t, k, v) end
  end
  return kept.value
end

return memory
