--- The rules of the game's actions. A rule is a schema and, for dependencies between values, a function.
local cut = require("fleet.cut")
local rules = {}

local ID = { type = "string", required = true, minLength = 1, maxLength = 128 }
local QUANTITY = { type = "integer", min = 1, max = 999 }
local AMOUNT = { type = "integer", required = true, min = 1, max = 1000000000 }

local function requireUnique(list, problems, path)
  local seen = {}
  for i, name in ipairs(list) do
    if seen[name] then
      problems[#problems + 1] = { path = path .. "[" .. i .. "]", got = "a duplicate", expected = "unique values" }
    end
    seen[name] = true
  end
end

--- action → { schema, check = function(data, problems) }
rules.BUILTIN = {
  START_BATTLE = {
    schema = { opponent = { type = "string", maxLength = 128 }, team = { type = "array", minLength = 1, maxLength = 6 } },
  },
  SUBMIT_MOVE = { schema = { battleId = ID, move = { type = "string", maxLength = 64 } } },
  PURCHASE = { schema = { itemId = { type = "string", maxLength = 128 }, quantity = QUANTITY } },
  SELL = { schema = { itemId = { type = "string", maxLength = 128 }, quantity = QUANTITY } },
  CREDIT = { schema = { amount = AMOUNT } },
  GAIN_EXPERIENCE = { schema = { experience = { type = "integer", min = 0, max = 1000000 } } },
  SET_PARTY = {
    schema = { party = { type = "array", maxLength = 6, items = { type = "string", maxLength = 128 } } },
    check = function(data, problems)
      if type(data.party) == "table" then requireUnique(data.party, problems, "party") end
    end,
  },
  BATTLE_RESULT = {
    schema = {
      battleId = ID,
      players = { type = "array", required = true, minLength = 2, maxLength = 2, items = { type = "string", minLength = 1, maxLength = 128 } },
      winner = { type = "string", maxLength = 128 },
      turns = { type = "integer", required = true, min = 0, max = 1000 },
      durationMs = { type = "integer", required = true, min = 0 },
      digest = { type = "string", maxLength = 128 },
    },
    check = function(data, problems)
      local players = type(data.players) == "table" and data.players or {}
      requireUnique(players, problems, "players")
      if data.winner ~= nil and data.winner ~= players[1] and data.winner ~= players[2] then
        problems[#problems + 1] = { path = "winner", got = cut(tostring(data.winner), 60), expected = "one of the players" }
      end
    end,
  },
}

return rules
