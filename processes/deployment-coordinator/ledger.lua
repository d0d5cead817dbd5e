--- The append-only ledger: entries are never changed or removed. Only deployers and starts of the fleet's
-- own processes, a few each between two entries of deployers, add entries, so nobody else can make it grow.
local fleet = require("fleet")

local ledger = {}

local entries = fleet.state("ledger", {}, { undo = "append" })

local MAX_PAGE = 200

--- Appends an entry.
-- @tparam string kind what happened, upper snake
-- @tparam table fields plain values: deploymentId, epoch, status, processId, …
-- @tparam table msg the message that made it happen
function ledger.write(kind, fields, msg)
  local entry = { seq = #entries + 1, at = fleet.now(msg), from = msg.From, kind = kind }
  for key, value in pairs(fields) do entry[key] = value end
  entries[#entries + 1] = entry
  return entry
end

--- The number of entries.
function ledger.length()
  return #entries
end

fleet.on("LEDGER", {
  readonly = true,
  schema = {
    since = { type = "integer", min = 0 },
    limit = { type = "integer", min = 1, max = MAX_PAGE },
    kind = { type = "string", maxLength = 64 },
  },
}, function(data)
  local found, limit = {}, data.limit or 100
  local at = (data.since or 0) + 1
  while entries[at] and #found < limit do
    if data.kind == nil or entries[at].kind == data.kind then found[#found + 1] = entries[at] end
    at = at + 1
  end
  return { entries = found, next = at - 1, length = #entries, epoch = fleet.epoch() }
end)

return ledger
