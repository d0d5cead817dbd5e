--- `.utils`, as programs for aos use it. The fleet's library wraps `matchesSpec`, so handlers are matched through this table.
local utils = {}

--- Whether a value matches a pattern: "_" anything, a string whatever its case or as a Lua pattern, a function, or any of a list.
function utils.matchesPattern(pattern, value, msg)
  local kind = type(pattern)
  if kind == "function" then return pattern(value, msg) and true or false end
  if kind == "table" then
    for _, each in pairs(pattern) do
      if utils.matchesPattern(each, value, msg) then return true end
    end
    return false
  end
  if kind ~= "string" then return false end
  if pattern == "_" then return true end
  local given, wanted = tostring(value or ""):lower(), pattern:lower()
  if pattern:find("[%^%$%(%)%%%.%[%]%*%+%?]") then return given:match(wanted) ~= nil end
  return given == wanted
end

--- Whether a message matches: a function decides itself, a string is an action, a table a pattern for each field.
function utils.matchesSpec(msg, spec)
  if type(spec) == "function" then return spec(msg) end
  if type(spec) == "string" then return msg.Action == spec end
  if type(spec) ~= "table" then return false end
  for key, pattern in pairs(spec) do
    if not msg[key] or not utils.matchesPattern(pattern, msg[key], msg) then return false end
  end
  return true
end

--- The spelling of a tag in the case of HTTP headers.
function utils.normalize(name)
  if type(name) ~= "string" then return name end
  return (name:gsub("_", "-"):lower():gsub("^%l", string.upper):gsub("%-%l", string.upper))
end

function utils.capitalize(text)
  if type(text) ~= "string" then return text end
  return text:sub(1, 1):upper() .. text:sub(2):lower()
end

-- Without all its arguments, the function waits for the rest.
function utils.curry(fn, arity)
  arity = arity or 1
  if arity < 2 then return fn end
  return function(...)
    local given = table.pack(...)
    if given.n >= arity then return fn(...) end
    return utils.curry(function(...)
      local all, more = {}, table.pack(...)
      for i = 1, given.n do all[i] = given[i] end
      for i = 1, more.n do all[given.n + i] = more[i] end
      return fn(table.unpack(all, 1, given.n + more.n))
    end, arity - given.n)
  end
end

utils.reduce = utils.curry(function(fn, initial, list)
  local result = initial
  for i, value in ipairs(list) do
    if result == nil then result = value else result = fn(result, value, i) end
  end
  return result
end, 3)

utils.map = utils.curry(function(fn, list)
  local found = {}
  for i, value in ipairs(list) do found[i] = fn(value, i) end
  return found
end, 2)

utils.filter = utils.curry(function(fn, list)
  local found = {}
  for _, value in ipairs(list) do
    if fn(value) then found[#found + 1] = value end
  end
  return found
end, 2)

utils.find = utils.curry(function(fn, map)
  for _, value in pairs(map) do
    if fn(value) then return value end
  end
  return nil
end, 2)

utils.concat = utils.curry(function(a, b)
  local found = {}
  for _, list in ipairs({ a, b }) do
    for _, value in ipairs(list) do found[#found + 1] = value end
  end
  return found
end, 2)

utils.propEq = utils.curry(function(name, value, object) return object[name] == value end, 3)
utils.prop = utils.curry(function(name, object) return object[name] end, 2)

utils.includes = utils.curry(function(value, list)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end, 2)

function utils.reverse(list)
  local found = {}
  for i = #list, 1, -1 do found[#found + 1] = list[i] end
  return found
end

function utils.compose(...)
  local steps = utils.reverse({ ... })
  return function(value)
    for _, fn in ipairs(steps) do value = fn(value) end
    return value
  end
end

function utils.keys(map)
  local found = {}
  for key in pairs(map) do found[#found + 1] = key end
  return found
end

--- A shallow copy.
function utils.copy(map)
  local found = {}
  for key, value in pairs(map) do found[key] = value end
  return found
end

function utils.values(map)
  local found = {}
  for _, value in pairs(map) do found[#found + 1] = value end
  return found
end

package.loaded[".utils"] = utils
return utils
