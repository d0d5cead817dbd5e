--- Migrations between shapes of the states. They are kept in the process after the bundle that brought them is gone,
-- so that an earlier bundle, which knows nothing of a later shape, can be returned to.
local store = require("fleet.store")

local migrate = {}

local declared = {}

--- Declares one step.
-- @tparam table step `from`, `to`: names of shapes · `up`, `down`: functions; without `down` there is no way back
function migrate.add(step)
  if type(step) ~= "table" or step.from == nil or step.to == nil or type(step.up) ~= "function" then
    error("fleet.migrate needs from, to and up", 3)
  end
  declared[#declared + 1] = { from = tostring(step.from), to = tostring(step.to), up = step.up, down = step.down }
end

local function steps()
  local all = {}
  for key, step in pairs(store.migrations) do all[key] = step end
  for _, step in ipairs(declared) do all[step.from .. ">" .. step.to] = step end
  return all
end

--- The shape that the bundle being loaded works on: what it declares, else where its own migrations end, else its
-- version if a migration names it, else "1".
local function target(version)
  if store.process.stateVersion then return tostring(store.process.stateVersion) end
  local from, last = {}, nil
  for _, step in ipairs(declared) do from[step.from] = true end
  for _, step in ipairs(declared) do
    if not from[step.to] then last = step.to end
  end
  if last then return last end
  for _, step in pairs(steps()) do
    if step.from == version or step.to == version then return version end
  end
  return "1"
end

local function path(from, to)
  local queue, seen = { { at = from, list = {} } }, { [from] = true }
  local keys, all = {}, steps()
  for key in pairs(all) do keys[#keys + 1] = key end
  table.sort(keys)
  local missing
  local i = 1
  while queue[i] do
    local node = queue[i]
    if node.at == to then return node.list end
    for _, key in ipairs(keys) do
      local step = all[key]
      local next, fn
      if step.from == node.at then
        next, fn = step.to, step.up
      elseif step.to == node.at then
        next, fn = step.from, step.down
        if not fn then missing = key end
      end
      if next and fn and not seen[next] then
        seen[next] = true
        local list = { table.unpack(node.list) }
        list[#list + 1] = fn
        queue[#queue + 1] = { at = next, list = list }
      end
    end
    i = i + 1
  end
  return nil, missing
end

--- Brings the states to the shape that the bundle being loaded works on. Raises a text with a code when there is no
-- way, which aborts the load and leaves the earlier program and its states.
-- @tparam string version of the bundle
-- @tparam ?string earlier version of the bundle before
function migrate.run(version, earlier)
  local to = target(version)
  local from = store.stateVersion
  if from == nil then
    -- The states were just made by this bundle: they have its shape already.
    from = to
  elseif from == "1" and from ~= to and earlier and not path(from, to) and path(earlier, to) then
    from = earlier
  end
  local list, missing = path(from, to)
  if not list then
    if missing then
      error("NO_DOWN_MIGRATION: the states have the shape " .. from .. ", this program works on " .. to .. ", and " .. missing
        .. " has no way down. Bring the states back by hand or go forward.", 0)
    end
    error("NO_MIGRATION: the states have the shape " .. from .. " and this program works on " .. to
      .. ". Declare fleet.migrate from one to the other.", 0)
  end
  for _, step in ipairs(list) do step() end
  store.stateVersion = to
  for _, step in ipairs(declared) do store.migrations[step.from .. ">" .. step.to] = step end
  return #list
end

--- The steps that this process knows, sorted: { from, to, down }, `down` telling whether there is a way back.
function migrate.known()
  local list = {}
  for _, step in pairs(store.migrations) do
    list[#list + 1] = { from = step.from, to = step.to, down = step.down ~= nil }
  end
  table.sort(list, function(a, b) return a.from .. ">" .. a.to < b.from .. ">" .. b.to end)
  return list
end

return migrate
