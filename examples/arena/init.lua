-- A fight between units. Style: classes with metatables, names relative to the project's root, files that require each other.
local Arena = require "examples.arena.arena"
local units = require "examples.arena.units"
local json, utils = require "json", require ".utils"

Fights = Fights or {}

Handlers.add("fight", "Fight", function(msg)
  local names = json.decode(msg.Data)
  local fighters = utils.map(function(name) return units.make(name) end, names)
  local arena = Arena.new(fighters)
  local winner = arena:run()
  Fights[#Fights + 1] = winner.name
  ao.send({ Target = msg.From, Data = winner:describe() .. " in " .. arena.rounds .. " rounds" })
end)
