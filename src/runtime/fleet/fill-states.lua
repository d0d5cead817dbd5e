--- Puts values into the tables that are already at their place, because the program may refer to them. A table that occurs more than once in the
-- states is not filled: it may be one that the code uses for several of them, and the values for its places may differ. Nor is an entry of a list:
-- its place says nothing about what it is, and a handler that waits may refer to it.
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local modules = require("fleet.modules")
local store = require("fleet.store")

-- @treturn function(value, there) returns what to store; `there` is the earlier value at that place
-- @treturn function(value, table) has this table be the one for a value that is a table
-- @treturn function() fills all tables; before, they are only chosen
-- @treturn table value → the table for it
return function()
  local count, foreign, placed, waiting = lossless.counted(store.states), modules.tables(), {}, {}
  foreign[_G], foreign[Fleet], foreign[store] = true, true, true
  local function isPlain(t)
    return getmetatable(t) == nil or json.isObject(t)
  end
  local function choose(value, t)
    placed[value] = t
    waiting[#waiting + 1] = value
  end
  local function place(value, there)
    if type(value) ~= "table" or not isPlain(value) then return value end
    local isFree = type(there) == "table" and count[there] == 1 and not foreign[there] and isPlain(there)
    if not placed[value] then choose(value, isFree and there or value) end
    return placed[value]
  end
  local function fill()
    while #waiting > 0 do
      local value = table.remove(waiting)
      local t, had = placed[value], {}
      if not rawequal(t, value) then
        for k, v in next, t do had[k] = v end
        for k in next, had do t[k] = nil end
        if isPlain(t) then setmetatable(t, getmetatable(value)) end
      end
      local isList = json.isArray(had)
      for k, v in next, value do t[k] = place(v, not isList and had[k] or nil) end
    end
  end
  return place, choose, fill, placed
end
