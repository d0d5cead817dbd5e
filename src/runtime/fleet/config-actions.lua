--- The actions that set, restore and read the settings of a process.
local config = require("fleet.config")
local json = require("fleet.json")
local log = require("fleet.log")
local registry = require("fleet.registry")
local store = require("fleet.store")

local on = registry.everyProcess

local CONFIG_TYPE = { type = "string", minLength = 1, maxLength = 64, pattern = "^[%w][%w_%-%.]*$" }
local ADDRESS = { type = "string", minLength = 1, maxLength = 128 }

local function required(rule)
  local copied = { required = true }
  for key, value in pairs(rule) do copied[key] = value end
  return copied
end

on("UPDATE_CONFIG", {
  who = "deployer", control = true, reserved = true,
  schema = {
    configType = required(CONFIG_TYPE),
    configData = { type = "table", required = true },
    version = { type = "any", required = true },
    hash = { type = "string", maxLength = 128 },
    rollback = { type = "boolean" },
    rule = { type = "table" },
    requestedBy = ADDRESS,
  },
}, function(data, msg)
  local idle = config.update(data, store.epoch, msg.From)
  log.write("INFO", data.configType .. " version " .. tostring(data.version) .. " by " .. (data.requestedBy or msg.From))
  return {
    configType = data.configType, version = data.version, hash = data.hash,
    notEnforceable = #idle > 0 and idle or nil,
  }
end)

on("RESTORE_CONFIG", {
  who = "deployer", control = true, reserved = true,
  schema = {
    configType = required(CONFIG_TYPE),
    version = { type = "any", required = true },
    hash = { type = "string", required = true, maxLength = 128 },
    clear = { type = "boolean" },
  },
}, function(data, msg)
  local restored = config.restore(data, msg.From)
  if restored then log.write("INFO", data.configType .. " version " .. tostring(data.version) .. " withdrawn by " .. msg.From) end
  local held = store.configs[data.configType]
  return { configType = data.configType, restored = restored, version = held and held.version, hash = held and held.hash }
end)

on("GET_CONFIG", {
  who = "peer", readonly = true, reserved = true,
  schema = { configType = { type = "string", maxLength = 64 }, history = { type = "boolean" } },
}, function(data)
  return {
    configs = json.copy(config.held(data.configType)), highest = config.highest(data.configType),
    history = data.history and config.history(data.configType) or nil,
  }
end)

return true
