--- The process' log: a ring buffer, readable with the action `LOGS`.
local config = require("fleet.config")
local envelope = require("fleet.envelope")
local store = require("fleet.store")

local log = {}

local SIZE = 200
local MAX_TEXT = 1000
local RANK = { DEBUG = 1, INFO = 2, WARN = 3, ERROR = 4, FATAL = 5 }

--- Appends a line unless its level is below `LOGGING_CONFIG.logLevel` (default INFO).
-- @tparam string level DEBUG, INFO, WARN, ERROR or FATAL; anything else counts as INFO
-- @param text at most 1,000 characters are kept
function log.write(level, text)
  level = RANK[level] and level or "INFO"
  if RANK[level] < (RANK[config.get("LOGGING_CONFIG", "logLevel", "INFO")] or RANK.INFO) then return end
  local logs = store.logs
  logs.seq = logs.seq + 1
  logs.entries[#logs.entries + 1] = { seq = logs.seq, at = envelope.now(), level = level, text = tostring(text):sub(1, MAX_TEXT) }
  if #logs.entries > SIZE then table.remove(logs.entries, 1) end
end

--- Entries after a sequence number, oldest first.
function log.read(since, level)
  local entries = {}
  for _, entry in ipairs(store.logs.entries) do
    if entry.seq > (since or 0) and (level == nil or entry.level == level) then entries[#entries + 1] = entry end
  end
  return entries
end

return log
