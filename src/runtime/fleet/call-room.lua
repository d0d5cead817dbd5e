--- The places for open calls.
local auth = require("fleet.auth")
local callers = require("fleet.callers")
local fail = require("fleet.fail")
local store = require("fleet.store")

local room = {}

-- New callers get none beyond this part of the places, callers from before (`fleet.callers`) none beyond that one, and each at most the third, counted when
-- half are in use: what is left is for the ranks above.
local FOR_NEW, FOR_KNOWN, FOR_EACH = 5 / 8, 7 / 8, 1 / 8

--- Raises `BUSY`.
function room.busy(message)
  error(fail.new("BUSY", message, "Send the request again later."))
end

--- Who takes a place: a continuation works for the sender of the request. nil: the process itself.
function room.asker()
  local context, current = Fleet.context, Fleet.current
  if not context and Fleet.author then return Fleet.author.by end
  return context and context.by or current and not current.cron and current.from or nil
end

--- Raises `BUSY` if there is no place for another call. Many calls of one caller, or of many new ones, leave room for callers from before and for
-- the fleet's own. A reply makes the room for the call that follows from it.
-- @tparam ?string by see `asker`
-- @tparam number places
function room.check(by, places)
  local state = store.calls
  if state.count >= places then room.busy("this process already has " .. state.count .. " open calls") end
  if state.count < places // 2 or by == nil or Fleet.context and Fleet.context.continues then return end
  if by == ao.id or auth.isKnown({ From = by }) then return end
  local own = 0
  for _, call in pairs(state.open) do
    if call.by == by then own = own + 1 end
  end
  if own >= places * FOR_EACH then room.busy("this process already has " .. own .. " open calls for you") end
  local most = places * (callers.isKnown(by) and FOR_KNOWN or FOR_NEW)
  if state.count >= most then room.busy("this process already has " .. state.count .. " open calls") end
end

return room
