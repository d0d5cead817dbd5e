-- Runs in the process, after the module functions and constants of a bundle. Arguments:
--   bundle   the bundle's name: an earlier bundle of the same name is replaced
--   modules  file -> function(_ENV, require) that returns the module's function
--   names    name -> file, for every name that is required anywhere
--   own      file -> { name -> file, or false for the process' own }, where a file's resolution differs from `names`
--   primary  file -> its name outside the bundle
--   private  name -> true, for names that outside the bundle stay aos' own
--   order    files to run, in order
-- Longer than 60 lines: it is copied into every bundle as a whole, and nothing in it outlives the load.
local function start(bundle, modules, names, own, primary, private, order)
  local loaded, preload, native = package.loaded, package.preload, require
  local registry = loaded[".fleet-bundles"]
  if registry == nil then
    registry = {}
    loaded[".fleet-bundles"] = registry
  end
  local before = registry[bundle] or { names = {}, handlers = {} }

  -- What to restore after an error, because not every process discards a failed evaluation itself.
  local undo = {}
  local function replace(target, key, value)
    undo[#undo + 1] = { target, key, target[key] }
    target[key] = value
  end
  local function handlers()
    return type(Handlers) == "table" and type(Handlers.list) == "table" and Handlers.list or {}
  end
  local function refill(list, entries)
    for i = 1, math.max(#list, #entries) do
      list[i] = entries[i]
    end
  end

  local instances, parents, runners, loaders = {}, {}, {}, {}
  local public = {}
  for file, name in pairs(primary) do
    if not private[name] then
      public[file] = name
    end
  end

  local function running(file)
    if not (debug and debug.getinfo) then
      return true
    end
    local level = 2
    while true do
      local frame = debug.getinfo(level, "f")
      if not frame then
        return false
      end
      if frame.func == runners[file] then
        return true
      end
      level = level + 1
    end
  end

  local function cycle(file, from)
    local path, at = { file }, from
    while type(at) == "string" and at ~= file do
      table.insert(path, 1, at)
      at = parents[at]
    end
    table.insert(path, 1, file)
    return "modules require each other while they load: " .. table.concat(path, " -> ")
  end

  local function value(file, name)
    if name and names[name] == file and not private[name] and loaded[name] then
      return loaded[name]
    end
    if public[file] then
      return loaded[public[file]]
    end
    return instances[file]
  end

  local function keep(file, result)
    instances[file] = result
    if public[file] then
      loaded[public[file]] = result
    end
  end

  local requirer
  -- Returns the value, or nil and an error that the caller raises, so that its position is in the user's own code.
  local function load(file, name, from)
    local present = value(file, name)
    if present then
      return present
    end
    if parents[file] and running(file) then
      return nil, cycle(file, from)
    end
    local run = modules[file](_ENV, requirer(file))
    local function runner()
      local result = run(name, file)
      return result
    end
    parents[file], runners[file] = from or true, runner
    local result = runner()
    parents[file], runners[file] = nil, nil
    if result ~= nil then
      keep(file, result)
      if name and names[name] == file and not private[name] then
        loaded[name] = result
      end
    end
    if value(file, name) == nil then
      keep(file, true)
    end
    local final = value(file, name)
    for _, other in ipairs(loaders[file] or {}) do
      loaded[other] = final
    end
    return final
  end

  requirer = function(from)
    local mine = own[from] or {}
    return function(name)
      local file = mine[name]
      if file == nil then
        file = names[name]
      end
      if not file then
        local found, answer = pcall(native, name)
        if found then
          return answer
        end
        error(answer, type(answer) == "string" and 2 or 0)
      end
      local result, fault = load(file, name, from)
      if fault then
        error(fault, 2)
      end
      return result
    end
  end

  -- Longer than 60 lines: publishing, running and ordering are one step, which an error undoes as a whole.
  local function main()
    for name in pairs(before.names) do
      replace(loaded, name, nil)
      replace(preload, name, nil)
    end
    local published = {}
    for name, file in pairs(names) do
      if not private[name] then
        published[name] = true
        loaders[file] = loaders[file] or {}
        table.insert(loaders[file], name)
        replace(loaded, name, nil)
        replace(preload, name, function()
          local result, fault = load(file, name)
          if fault then
            error(fault, 3)
          end
          return result
        end)
      end
    end

    -- Handlers of others keep their position: before or after this program's own.
    local list, rest, later, first = handlers(), {}, {}, true
    for _, handler in ipairs(list) do
      if before.handlers[handler.name] then
        first = false
      else
        rest[#rest + 1] = handler
        if not first and not tostring(handler.name):find("^_") then
          later[handler] = true
        end
      end
    end
    refill(list, rest)
    local seen = {}
    for _, handler in ipairs(rest) do
      seen[handler] = { handler.pattern, handler.handle }
    end

    for _, file in ipairs(order) do
      if file == order[#order] then
        -- The program itself runs without a name, like a main file.
        local run = modules[file](_ENV, requirer(file))
        local function runner()
          run()
        end
        parents[file], runners[file] = true, runner
        runner()
        parents[file], runners[file] = nil, nil
      else
        load(file, primary[file])
      end
    end

    local mine, ahead, behind = {}, {}, {}
    for _, handler in ipairs(handlers()) do
      local known = seen[handler]
      if not known or known[1] ~= handler.pattern or known[2] ~= handler.handle then
        mine[handler.name] = true
        later[handler] = nil
      end
      local side = later[handler] and behind or ahead
      side[#side + 1] = handler
    end
    for _, handler in ipairs(behind) do
      ahead[#ahead + 1] = handler
    end
    refill(handlers(), ahead)
    registry[bundle] = { names = published, handlers = mine }
  end

  local list, entries = handlers(), {}
  for i, handler in ipairs(list) do
    entries[i] = handler
    undo[#undo + 1] = { handler, "pattern", handler.pattern }
    undo[#undo + 1] = { handler, "handle", handler.handle }
  end
  -- Lua adds a position only to strings: for other values it is determined when they are raised.
  local place = ""
  local done, fault = xpcall(main, function(raised)
    local level, frame = 2, nil
    repeat
      frame = type(raised) ~= "string" and debug and debug.getinfo and debug.getinfo(level, "Sl")
      level = level + 1
    until not frame or (frame.source == "aos" and frame.currentline > 0)
    place = frame and '[string "aos"]:' .. frame.currentline .. ": " or ""
    return raised
  end)
  if not done then
    for i = #undo, 1, -1 do
      undo[i][1][undo[i][2]] = undo[i][3]
    end
    refill(list, entries)
    -- aos can only show strings: any other error value would crash the evaluator.
    if type(fault) ~= "table" then
      fault = type(fault) == "string" and fault or place .. "error value: " .. tostring(fault)
    elseif not (getmetatable(fault) or {}).__tostring then
      if fault.message ~= nil then
        fault = tostring(fault.code or "error") .. ": " .. tostring(fault.message)
      else
        local fields = {}
        for key, field in pairs(fault) do
          fields[#fields + 1] = tostring(key) .. " = " .. (type(field) == "table" and "{…}" or tostring(field))
        end
        table.sort(fields)
        fault = place .. "error table: { " .. table.concat(fields, ", ", 1, math.min(#fields, 8)) .. " }"
      end
    end
    error(tostring(fault), 0)
  end
end
