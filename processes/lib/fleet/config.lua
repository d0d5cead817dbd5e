--- Settings: six types, each checked before it is taken. What does not fit is refused and the earlier one stays.
local fail = require("fleet.fail")
local envelope = require("fleet.envelope")
local store = require("fleet.store")
local types = require("fleet.config-types")

local config = {}

--- A setting, or the default when nothing was distributed.
function config.get(configType, key, default)
  local held = store.configs[configType]
  local value = held and held.configData[key]
  if value == nil then return default end
  return value
end

-- 2 > 1 · "1.10.0" > "1.9" · a number and a text compare as texts of numbers.
local function compare(a, b)
  local function parts(version)
    local list = {}
    for part in tostring(version):gmatch("[^%.%-%+]+") do list[#list + 1] = part end
    return list
  end
  local left, right = parts(a), parts(b)
  for i = 1, math.max(#left, #right) do
    local x, y = left[i] or "0", right[i] or "0"
    local nx, ny = tonumber(x), tonumber(y)
    if nx and ny then
      if nx ~= ny then return nx < ny and -1 or 1 end
    elseif x ~= y then
      return x < y and -1 or 1
    end
  end
  return 0
end

config.compareVersions = compare

--- Checks without taking. @treturn table problems { path, got, expected }, empty when it fits
function config.check(configType, configData)
  return types.check(configType, configData)
end

local function refuse(problems)
  local first = problems[1]
  error(fail.new(
    "INVALID_CONFIG",
    string.format("%d setting(s) cannot be used; the first: %s is %s, expected %s", #problems, first.path, first.got, first.expected),
    "Correct the values at the paths named and send the config again; the earlier one is still in use.",
    { problems = problems }
  ))
end

--- Takes a config or raises `INVALID_CONFIG`. The version may not go down within an epoch: a late message of the same
-- run must not bring back old settings. A later run may go back when it says so with `rollback`.
function config.update(data, epoch)
  local problems = types.check(data.configType, data.configData)
  if #problems > 0 then refuse(problems) end
  local held = store.configs[data.configType]
  if held then
    local order = compare(data.version, held.version)
    local goesBack = data.rollback == true and epoch > held.epoch
    if order < 0 and not goesBack then
      refuse({ { path = "version", got = tostring(data.version), expected = "at least " .. tostring(held.version) } })
    elseif order == 0 and data.hash ~= held.hash then
      refuse({ { path = "hash", got = data.hash, expected = held.hash .. " (what version " .. tostring(held.version) .. " has here)" } })
    end
  end
  local same = held and held.hash == data.hash and compare(data.version, held.version) == 0
  store.configs[data.configType] = {
    configData = data.configData, version = data.version, hash = data.hash, epoch = epoch,
    at = same and held.at or envelope.now(),
  }
  return types.notEnforceable(data.configType, data.configData)
end

--- What is held, of one type or of all: configType → { configData, version, hash, notEnforceable? }
function config.held(configType)
  local result = {}
  for name, held in pairs(store.configs) do
    if configType == nil or name == configType then
      local entry = { configData = held.configData, version = held.version, hash = held.hash }
      local idle = types.notEnforceable(name, held.configData)
      if #idle > 0 then entry.notEnforceable = idle end
      result[name] = entry
    end
  end
  return result
end

--- configType → version
function config.versions()
  local result = {}
  for name, held in pairs(store.configs) do result[name] = held.version end
  return result
end

return config
