--- The config types and the check of each key.
local types = {}

local MAX_KEYS = 200
local MAX_TEXT = 4096

local function describe(value)
  local kind = type(value)
  if kind == "string" then
    if #value > 60 then return string.format("a text of %d characters", #value) end
    return string.format("%q", value)
  elseif kind == "table" then
    return "a table"
  end
  return tostring(value)
end

types.describe = describe

local function positive(most)
  return {
    most and ("a number above 0, at most " .. most) or "a number above 0",
    function(v)
      return type(v) == "number" and v == v and v > 0 and v <= (most or 9007199254740991)
    end,
  }
end

local function whole(most)
  return {
    "a whole number above 0",
    function(v)
      return type(v) == "number" and math.tointeger(v) ~= nil and v > 0 and v <= most
    end,
  }
end

local text = { "a text of 1 to 4096 characters", function(v) return type(v) == "string" and #v > 0 and #v <= MAX_TEXT end }
local anyText = { "a text of at most 4096 characters", function(v) return type(v) == "string" and #v <= MAX_TEXT end }
local bool = { "true or false", function(v) return type(v) == "boolean" end }
local percent = { "a number from 1 to 100", function(v) return type(v) == "number" and v >= 1 and v <= 100 end }

local LEVELS = { DEBUG = true, INFO = true, WARN = true, ERROR = true, FATAL = true }
local level = { "one of DEBUG INFO WARN ERROR FATAL", function(v) return type(v) == "string" and LEVELS[v] == true end }

local TYPES = {
  PROCESS_CONFIG = {
    processType = text, maxConcurrentRequests = whole(1000000), requestTimeout = positive(86400000), enableMetrics = bool,
  },
  ENVIRONMENT_VARS = { ["*"] = anyText },
  RESOURCE_LIMITS = { maxMemoryMB = positive(), maxConnections = positive(), maxStorageMB = positive(), maxCpuPercent = percent },
  SECURITY_CONFIG = { authLevel = text, encryptionEnabled = bool },
  LOGGING_CONFIG = { logLevel = level },
  MONITORING_CONFIG = { metricsEnabled = bool, healthCheckInterval = positive(86400000) },
}

-- An AO process has no say over these; `maxMemoryMB` is judged by the performance check against the Lua heap.
local IDLE = {
  RESOURCE_LIMITS = { maxConnections = true, maxStorageMB = true, maxCpuPercent = true },
  SECURITY_CONFIG = { encryptionEnabled = true },
}

local function sortedKeys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  return keys
end

--- The names of the types, sorted.
function types.names()
  return sortedKeys(TYPES)
end

--- Every problem of a config at its path.
-- @treturn table a list of { path, got, expected }; empty when the config fits
function types.check(configType, configData)
  local rules = TYPES[configType]
  if not rules then
    return { { path = "configType", got = describe(configType), expected = "one of " .. table.concat(types.names(), " ") } }
  end
  if type(configData) ~= "table" then
    return { { path = "configData", got = describe(configData), expected = "a table of settings" } }
  end
  local problems = {}
  local keys = sortedKeys(configData)
  if #keys > MAX_KEYS then
    return { { path = "configData", got = #keys .. " keys", expected = "at most " .. MAX_KEYS } }
  end
  for _, key in ipairs(keys) do
    local value = configData[key]
    local rule = rules["*"] or rules[key]
    local path = "configData." .. key:sub(1, 60)
    if value == nil or not rule then
      local known = rules["*"] and "names of variables" or "one of " .. table.concat(sortedKeys(rules), " ")
      problems[#problems + 1] = { path = path, got = "an unknown key", expected = known }
    elseif not rule[2](value) then
      problems[#problems + 1] = { path = path, got = describe(value), expected = rule[1] }
    end
  end
  return problems
end

--- The keys of a config that are kept and reported but that nothing on AO can enforce.
function types.notEnforceable(configType, configData)
  local names = {}
  for _, key in ipairs(sortedKeys(configData)) do
    if IDLE[configType] and IDLE[configType][key] then names[#names + 1] = key end
  end
  return names
end

return types
