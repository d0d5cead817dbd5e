--- For whom the process is at work: the sender whose request began it. A reply, an expired time limit or a handler that waited (`Receive`)
-- continues that work during a message of somebody else, who is not its author. What the process does by itself has the class of the fleet.
local roles = require("fleet.roles")

local author = {}

--- Tag of a call that names the sender outside the fleet for whom it is made. It only takes rights away, so it needs no proof; it is
-- ignored in messages from outside the fleet, because a stranger would name somebody else.
author.TAG = "Fleet-For"

local LONGEST = 128

--- The process itself: its cron, and the library's own work at whatever message is next.
function author.own()
  return { by = ao.id, class = "members" }
end

--- The author of a message.
-- @tparam ?table current its record; see `fleet.envelope`. nil: there is no message, as at the first load
-- @treturn table { by, class }: an address, and what `roles.class` returns. `fleet.stats` counts a request by this table.
function author.of(current)
  if not current or current.cron then return current and author.own() or { by = ao.id, class = roles.class(nil) } end
  local from, askedFor = current.from, current.askedFor
  if askedFor and not current.carried and #askedFor <= LONGEST and roles.isMember(from) then return { by = askedFor, class = "others" } end
  return { by = tostring(roles.player(from, current.behalf)), class = roles.class(from, current.carried) }
end

--- The author of what runs now.
function author.now()
  return Fleet.author or author.of(Fleet.current)
end

--- Calls a function for an author. Returns nothing; an error is raised again.
-- @tparam ?table given nil: the author does not change
function author.as(given, fn, ...)
  local before = Fleet.author
  Fleet.author = given or before
  local ok, raised = pcall(fn, ...)
  Fleet.author = before
  if not ok then error(raised, 0) end
end

--- The author of an open call.
-- @tparam table call of an earlier library without `author`, which only knows by whom it was caused: nil for the process itself
function author.ofCall(call)
  if call.author then return call.author end
  return call.by and { by = call.by, class = roles.class(call.by) } or author.own()
end

return author
