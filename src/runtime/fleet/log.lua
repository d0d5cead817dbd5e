--- The process' log, readable with the action `LOGS`. A line has its place among those written for the same class of author, so that nobody
-- outside the fleet pushes out loads, settings and other decisions, or what the fleet's own requests did.
local author = require("fleet.author")
local config = require("fleet.config")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local ring = require("fleet.ring")
local store = require("fleet.store")

local log = {}

--- Lines of a class, and of one sender outside the fleet.
local SIZE, SHARE = 200, 25
local MAX_TEXT = 1000
local OWN, OTHERS = { size = SIZE }, { size = SIZE, share = SHARE, by = function(entry) return entry.from or "" end }
local RANK = { DEBUG = 1, INFO = 2, WARN = 3, ERROR = 4, FATAL = 5 }

--- Appends a line unless its level is below `LOGGING_CONFIG.logLevel` (default INFO).
-- @tparam string level DEBUG, INFO, WARN, ERROR or FATAL; anything else counts as INFO
-- @param text at most 1,000 characters are kept
function log.write(level, text)
  level = RANK[level] and level or "INFO"
  if RANK[level] < (RANK[config.get("LOGGING_CONFIG", "logLevel", "INFO")] or RANK.INFO) then return end
  local logs, by = store.logs, author.now()
  local class = by.class
  logs.seq = logs.seq + 1
  local entry = { seq = logs.seq, at = envelope.now(), level = level, text = cut(tostring(text), MAX_TEXT) }
  if class == "others" then
    -- Where earlier libraries keep all lines.
    entry.from = by.by
    ring.add(logs.entries, entry, OTHERS)
  else
    logs[class] = logs[class] or {}
    ring.add(logs[class], entry, OWN)
  end
end

-- Lines that an earlier library wrote: who caused them is not known.
local function migrate()
  local rest = {}
  for _, entry in ipairs(store.logs.entries) do
    if entry.from == nil then
      store.logs.members = store.logs.members or {}
      ring.add(store.logs.members, entry, OWN)
    else
      rest[#rest + 1] = entry
    end
  end
  store.logs.entries = rest
end

migrate()

--- Entries after a sequence number, oldest first.
function log.read(since, level)
  local entries = {}
  for _, list in ipairs({ store.logs.operators or {}, store.logs.members or {}, store.logs.entries }) do
    for _, entry in ipairs(list) do
      if entry.seq > (since or 0) and (level == nil or entry.level == level) then entries[#entries + 1] = entry end
    end
  end
  table.sort(entries, function(a, b) return a.seq < b.seq end)
  return entries
end

return log
