-- Polls whose counting rule is chosen by name. Style: function pipelines, modules that set names in their own
-- environment, and a rule that is required by a computed name (listed in `include`).
local pipe = require("pipe")
local votes = require("votes")

Polls = Polls or {}

local function rule(name)
  local found, chosen = pcall(require, "rules." .. name)
  return found and chosen or require("rules.majority")
end

local actions = {
  ["Open-Poll"] = function(msg)
    Polls[msg.Tags.Poll] = { rule = msg.Tags.Rule or DEFAULT_RULE, votes = {} }
    return "open, rule " .. Polls[msg.Tags.Poll].rule
  end,
  Vote = function(msg)
    votes.cast(Polls[msg.Tags.Poll], msg.From, msg.Tags.Choice)
    return GREETING .. " " .. msg.Tags.Choice
  end,
  ["Close-Poll"] = function(msg)
    local poll = Polls[msg.Tags.Poll]
    return pipe(poll.votes, votes.tally, votes.ranked, rule(poll.rule))
  end,
}

for action, handle in pairs(actions) do
  Handlers.add(action, action, function(msg)
    ao.send({ Target = msg.From, Data = handle(msg) })
  end)
end
