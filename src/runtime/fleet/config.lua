--- Settings, which are checked before they are applied. An invalid config is refused and the current one remains. The history
-- records who set what and when, and keeps the data of the latest versions for a rollback.
local fail = require("fleet.fail")
local envelope = require("fleet.envelope")
local json = require("fleet.json")
local sha256 = require("fleet.sha256")
local store = require("fleet.store")
local types = require("fleet.config-types")
local validate = require("fleet.validate")

local config = {}

--- Maximum number of versions per type in the history, and of bytes of their data.
local KEPT, KEPT_BYTES = 10, 256 * 1024

--- A setting, or its default if it was not distributed: the given one, else the type's own.
function config.get(configType, key, default)
  local held = store.configs[configType]
  local value = held and held.configData[key]
  if value ~= nil then return value end
  if default ~= nil then return default end
  return types.default(configType, key)
end

--- Whether a feature is on, by `FEATURE_FLAGS`.
-- @tparam ?boolean default the value if the flag is not set; false
function config.flag(name, default)
  local value = config.get("FEATURE_FLAGS", name)
  if value == nil then return default == true end
  return value == true
end

--- The address of an external service or of a member, by `SERVICES`: the id, address or URL, and its kind.
-- @treturn ?string the value, or nil
-- @treturn ?string `process`, `wallet` or `url`
function config.service(name)
  local entry = config.get("SERVICES", name)
  for _, kind in ipairs({ "process", "wallet", "url" }) do
    if entry and entry[kind] then return entry[kind], kind end
  end
  if entry and entry.member then return store.peers[entry.member], "process" end
  return nil
end

-- 2 > 1 · "1.10.0" > "1.9" · a number and a string compare as version strings.
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

--- Checks a config without applying it. @treturn table problems { path, got, expected }, empty if it is valid
function config.check(configType, configData, rule)
  local bad = types.badRule(configType, rule)
  if bad then return { { path = "rule", got = bad, expected = "rules in the format of fleet.validate" } } end
  return types.check(configType, configData, rule)
end

--- The hash of a config: sha256 of its canonical JSON.
function config.hash(configData)
  return sha256(json.encode(configData))
end

--- The refusal of an invalid config, with the same text as the deployer's own check.
function config.refusal(problems)
  local first = problems[1]
  return fail.new(
    "INVALID_CONFIG",
    string.format("%d invalid setting(s); the first: %s is %s, expected %s", #problems, first.path, first.got, first.expected),
    "Fix the values at these paths and send the config again; the current config is unchanged.",
    { problems = problems }
  )
end

local function refuse(...)
  error(config.refusal({ ... }))
end

-- Drops old data before old entries, because the record of changes is more important than the old values.
local function trim(history)
  while #history > KEPT do table.remove(history, 1) end
  local bytes = 0
  for i = #history, 1, -1 do
    local entry = history[i]
    bytes = bytes + (entry.configData and #json.encode(entry.configData) or 0)
    if bytes > KEPT_BYTES and i < #history then entry.configData = nil end
  end
end

local function keep(configType, entry)
  local history = store.configHistory[configType] or {}
  store.configHistory[configType] = history
  history[#history + 1] = entry
  local highest = store.configHighest[configType]
  if highest == nil or compare(entry.version, highest) > 0 then store.configHighest[configType] = entry.version end
  trim(history)
end

local function checkVersion(version)
  if type(version) == "number" and version == version or type(version) == "string" and version ~= "" and #version <= 64 then return end
  refuse({ path = "version", got = validate.describe(version), expected = "a number or a string of 1 to 64 characters" })
end

local function checkOrder(data, held, epoch)
  if not held then return end
  local order = compare(data.version, held.version)
  local goesBack = data.rollback == true and epoch > held.epoch
  if order < 0 and not goesBack then
    refuse({ path = "version", got = tostring(data.version), expected = "at least " .. tostring(held.version) })
  elseif order == 0 and data.hash ~= held.hash then
    refuse({ path = "hash", got = data.hash, expected = held.hash .. " (the hash of version " .. tostring(held.version) .. " in this process)" })
  end
end

--- Applies a config or raises `INVALID_CONFIG`. The version must not decrease within an epoch, because a late message of the same
-- run must not restore old settings. A later run can lower it with `rollback`.
-- @tparam table data configType, configData, version, hash, rollback?, rule?, requestedBy?
-- @tparam number epoch
-- @tparam string from the sender
-- @treturn table the settings that AO cannot enforce
function config.update(data, epoch, from)
  checkVersion(data.version)
  local problems = config.check(data.configType, data.configData, data.rule)
  if #problems > 0 then error(config.refusal(problems)) end
  local hash = config.hash(data.configData)
  if data.hash ~= nil and data.hash ~= hash then
    refuse({ path = "hash", got = data.hash, expected = hash .. " (sha256 of the data's canonical JSON)" })
  end
  data.hash = hash
  local held = store.configs[data.configType]
  checkOrder(data, held, epoch)
  local same = held and held.hash == hash and compare(data.version, held.version) == 0
  local entry = {
    configData = data.configData, version = data.version, hash = hash, epoch = epoch, rule = types.rule(data.configType, data.rule),
    at = same and held.at or envelope.now(), by = same and held.by or from,
  }
  if types.isBuiltin(data.configType) then entry.rule = nil end
  if same then entry.requestedBy = held.requestedBy else entry.requestedBy = data.requestedBy end
  if same then
    local history = store.configHistory[data.configType] or {}
    for i, each in ipairs(history) do
      if each == held then history[i] = entry end
    end
  else
    keep(data.configType, entry)
  end
  store.configs[data.configType] = entry
  return types.notEnforceable(data.configType, data.configData)
end

--- Withdraws one version, for example because other targets did not accept it: the previous one applies again, or none.
-- Compare-and-set: does nothing if another version is held.
-- @tparam table data configType, version, hash, clear? (back to the defaults instead)
-- @treturn boolean whether the version was withdrawn
function config.restore(data, from)
  local held = store.configs[data.configType]
  if not held or held.hash ~= data.hash or compare(held.version, data.version) ~= 0 then return false end
  local history = store.configHistory[data.configType] or {}
  local before
  if not data.clear then
    for i = #history, 1, -1 do
      local entry = history[i]
      if entry ~= held and entry.configData and not entry.takenBack and not entry.cleared then
        before = entry
        break
      elseif entry.cleared then
        break
      end
    end
    held.takenBack = { at = envelope.now(), by = from }
  else
    held.cleared = { at = envelope.now(), by = from }
  end
  store.configs[data.configType] = before
  return true
end

local function shown(name, held)
  local entry = {
    configData = held.configData, version = held.version, hash = held.hash, at = held.at, by = held.by, requestedBy = held.requestedBy,
    epoch = held.epoch,
  }
  local idle = types.notEnforceable(name, held.configData)
  if #idle > 0 then entry.notEnforceable = idle end
  return entry
end

--- The current configs, of one type or of all: configType → { configData, version, hash, at, by, requestedBy?, epoch, notEnforceable? }
function config.held(configType)
  local result = {}
  for name, held in pairs(store.configs) do
    if configType == nil or name == configType then result[name] = shown(name, held) end
  end
  return result
end

--- The highest version that each type ever had: a new one must be higher.
function config.highest(configType)
  local result = json.object()
  for name, version in pairs(store.configHighest) do
    if configType == nil or name == configType then result[name] = version end
  end
  for name, held in pairs(store.configs) do
    if result[name] == nil and (configType == nil or name == configType) then result[name] = held.version end
  end
  return result
end

--- The latest versions of each type, oldest first.
function config.history(configType)
  local result = json.object()
  for name, history in pairs(store.configHistory) do
    if configType == nil or name == configType then
      local list = {}
      for i, entry in ipairs(history) do
        local one = {}
        for key, value in pairs(entry) do one[key] = value end
        one.rule, one.current = nil, entry == store.configs[name] or nil
        list[i] = one
      end
      result[name] = list
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
