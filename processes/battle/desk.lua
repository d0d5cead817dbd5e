--- What the actions of the battle process share: its state, refusals, and the sender's place in a battle.
local fleet = require("fleet")
local book = require("book")
local settlement = require("settlement")
local view = require("view")

local desk = {}

desk.state = fleet.state("battles", { battles = {}, finished = {} })

--- The time limit of a move in ms; ENVIRONMENT_VARS.MOVE_TIME_MS overrides it.
local MOVE_TIME = 600000

--- The schema of a battleId.
desk.BATTLE = { type = "string", required = true, maxLength = 64 }

--- @return integer ms that a player has for a move
function desk.limit()
  return math.tointeger(tonumber(fleet.config("ENVIRONMENT_VARS", "MOVE_TIME_MS", nil))) or MOVE_TIME
end

--- Raises a typed error.
function desk.refuse(code, message, remedy)
  error(fleet.fail(code, message, remedy))
end

--- Returns the result, or raises the typed error.
function desk.must(result, code, message, remedy)
  if result == nil then
    desk.refuse(code, message, remedy)
  end
  return result
end

--- @param id string
--- @param msg table
--- @return table a battle or a challenge
function desk.find(id, msg)
  local battle = book.find(desk.state, id, fleet.now(msg))
  if not battle then
    desk.refuse("UNKNOWN_BATTLE", "there is no battle " .. id, "use the battleId that START_BATTLE returned; a challenge may have expired")
  end
  return battle
end

--- A battle and the sender's side in it.
--- @param id string
--- @param msg table
--- @return table battle
--- @return integer side
function desk.seat(id, msg)
  local battle = desk.find(id, msg)
  local side = book.side(battle, fleet.player(msg))
  if not side then
    desk.refuse("NOT_YOUR_BATTLE", "only the two players of a battle may do this", "GET_BATTLE shows the players")
  end
  return battle, side
end

--- The choice of a request: a move, or a switch to another member of the team.
--- @param data table { move?, switchTo? }
--- @return string as in turn.lua
function desk.choice(data)
  if (data.move == nil) == (data.switchTo == nil) then
    desk.refuse("INVALID_DATA", "either move or switchTo is required", "send one of them")
  end
  return data.move or ">" .. math.tointeger(data.switchTo)
end

--- Starts what the end of battles owes to others.
--- @param battles table[]
--- @param msg table
function desk.settle(battles, msg)
  for _, battle in ipairs(battles) do
    if desk.state.battles[battle.id] and battle.status == "FINISHED" then
      settlement.begin(battle.id, fleet.now(msg))
    end
  end
end

--- The view after a change; a battle that has just ended is settled with the other processes.
--- @param battle table
--- @param side integer
--- @param msg table
--- @return table
function desk.viewAfterChange(battle, side, msg)
  desk.settle({ battle }, msg)
  return view.battle(book.unfold(battle), side)
end

return desk
