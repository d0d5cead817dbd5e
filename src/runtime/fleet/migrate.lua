--- Migrations between shapes of the states. They are stored in the process and outlive the bundle that declared them,
-- so that a rollback to an earlier bundle, which does not know a later shape, is possible.
local store = require("fleet.store")

local migrate = {}

local declared = {}

--- Declares one step.
-- @tparam table step `from`, `to`: names of shapes · `up`, `down`: functions; without `down` a rollback is not possible
function migrate.add(step)
  if type(step) ~= "table" or step.from == nil or step.to == nil or type(step.up) ~= "function" then
    error("fleet.migrate: from, to and up are required", 3)
  end
  declared[#declared + 1] = { from = tostring(step.from), to = tostring(step.to), up = step.up, down = step.down }
end

local function steps()
  local all = {}
  for key, step in pairs(store.migrations) do all[key] = step end
  for _, step in ipairs(declared) do all[step.from .. ">" .. step.to] = step end
  return all
end

--- The shape that the bundle being loaded requires: the declared one, else the last one of its own migrations, else its
-- version if a migration refers to it, else "1".
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

--- Migrates the states to the shape that the bundle being loaded requires. Raises a string with a code if that is not
-- possible, which aborts the load and keeps the earlier program and its states.
-- @tparam string version version of the bundle
-- @tparam ?string earlier version of the previous bundle
function migrate.run(version, earlier)
  local to = target(version)
  local from = store.stateVersion
  if from == nil then
    -- The states were just created by this bundle, so they already have its shape.
    from = to
  elseif from == "1" and from ~= to and earlier and not path(from, to) and path(earlier, to) then
    from = earlier
  end
  local list, missing = path(from, to)
  if not list then
    if missing then
      error("NO_DOWN_MIGRATION: the states have the shape " .. from .. ", this program requires " .. to .. ", and " .. missing
        .. " has no down migration. Migrate the states manually or roll forward.", 0)
    end
    error("NO_MIGRATION: the states have the shape " .. from .. " and this program requires " .. to
      .. ". Declare fleet.migrate between them.", 0)
  end
  for _, step in ipairs(list) do step() end
  store.stateVersion = to
  for _, step in ipairs(declared) do store.migrations[step.from .. ">" .. step.to] = step end
  return #list
end

--- The migrations of this process, sorted: { from, to, down }, where `down` is true if the step can be reversed.
function migrate.known()
  local list = {}
  for _, step in pairs(store.migrations) do
    list[#list + 1] = { from = step.from, to = step.to, down = step.down ~= nil }
  end
  table.sort(list, function(a, b) return a.from .. ">" .. a.to < b.from .. ">" .. b.to end)
  return list
end

return migrate
