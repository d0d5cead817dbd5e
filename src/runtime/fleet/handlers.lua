--- The library's own handlers in aos: their names, and their places in the list. The first takes what only the library handles; the
-- last takes what no handler of the program took. Whatever else is in the list belongs to the program or to aos.
local handlers = {}

--- Prefix of the library's names. A program must not use it; any other name is the program's.
handlers.PREFIX = "ao-fleet."
handlers.FIRST, handlers.LAST, handlers.SERVICE = handlers.PREFIX .. "first", handlers.PREFIX .. "last", handlers.PREFIX .. "service"

-- The names of earlier libraries, which a program may use today.
local EARLIER = { "fleet", "fleet.unknown" }

local own = {}

--- Whether aos itself registers a handler under a name. `_once_<number>` waits for one message (`Receive`).
function handlers.isAos(name)
  return name == "_eval" or name == "_boot" or name == "_default" or handlers.isWaiting(name)
end

--- Whether a handler of aos waits for one message.
function handlers.isWaiting(name)
  return type(name) == "string" and name:find("^_once_%d+$") ~= nil
end

--- Names of the handlers in aos, except aos' own, sorted.
function handlers.names()
  local names = {}
  for _, each in ipairs(Handlers.list) do
    if type(each.name) == "string" and not handlers.isAos(each.name) then names[#names + 1] = each.name end
  end
  table.sort(names)
  return names
end

--- Whether a pattern belongs to a handler of the library.
function handlers.isOwn(pattern)
  return own[pattern] ~= nil
end

--- Records a handler of the library, and adds it at the end of the list.
function handlers.add(name, pattern, handle)
  own[pattern] = name
  Handlers.append(name, pattern, handle)
end

local function remove(name, isOurs)
  for i = #Handlers.list, 1, -1 do
    local each = Handlers.list[i]
    if each.name == name and (isOurs == nil or isOurs(each)) then table.remove(Handlers.list, i) end
  end
end

local function hasFunction(entry)
  return type(entry.pattern) == "function"
end

--- Registers the first and the last handler before the program runs, under the same names by every load, so that the bundle's runtime,
-- which removes handlers of an earlier bundle, keeps them. Removes those of an earlier library.
function handlers.install(first, handle, last, handleLast)
  if not Fleet.handlerNames and Fleet.live then
    for _, name in ipairs(EARLIER) do remove(name, hasFunction) end
  end
  Fleet.handlerNames = { handlers.FIRST, handlers.LAST }
  own[first], own[last] = handlers.FIRST, handlers.LAST
  handlers.place = function()
    remove(handlers.FIRST)
    Handlers.prepend(handlers.FIRST, first, handle)
    remove(handlers.LAST)
    Handlers.append(handlers.LAST, last, handleLast)
  end
  handlers.place()
end

--- Raises an error if the program uses a name of the library.
function handlers.assertNames()
  for _, each in ipairs(Handlers.list) do
    local name = each.name
    if type(name) == "string" and name:sub(1, #handlers.PREFIX) == handlers.PREFIX and own[each.pattern] ~= name then
      error("HANDLER_NAME_RESERVED: the program adds a handler " .. name .. ", and names with " .. handlers.PREFIX
        .. " belong to the fleet's library. Rename it. The load is undone.", 0)
    end
  end
end

--- Keeps the last handler behind those that the program added since. Called before a message is evaluated.
function handlers.keepLast()
  local list = Handlers.list
  if #list == 0 or list[#list].name == handlers.LAST then return end
  for i = 1, #list do
    if list[i].name == handlers.LAST then
      local last = table.remove(list, i)
      list[#list + 1] = last
      return
    end
  end
end

return handlers
