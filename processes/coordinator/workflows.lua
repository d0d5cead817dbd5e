--- The declared workflows: steps across several services, each with its undo.
-- data and undo are functions of a run { id, player, input, results: step → reply }. Every step can be repeated
-- with the same data without a second effect, and every undo succeeds when there is nothing to undo.
-- keep: whatever the step answers, the run ends INCOMPLETE and undoes nothing; keepInDoubt: if the step may have been done.
-- onBehalf: the step is called on behalf of the player, otherwise by the coordinator itself.
local workflows = {}

local function call(service, action, data, more)
  local step = more or {}
  step.service, step.action, step.data = service, action, data
  return step
end

local function purchase(item)
  return call("shop", "PURCHASE", function(run)
    return { item = item(run), quantity = 1, orderId = run.id }
  end, {
    name = "purchase",
    onBehalf = true,
    undo = call("shop", "REFUND", function(run)
      return { account = run.player, orderId = run.id }
    end),
  })
end

local TABLE = {
  -- Pays the prize of a battle to its winner, once.
  ["battle-victory"] = {
    input = { battleId = { type = "string", required = true, maxLength = 64 } },
    steps = {
      call("battle", "CLAIM_PRIZE", function(run)
        return { battleId = run.input.battleId, player = run.player, claimId = run.id }
      end, {
        name = "claim",
        undo = call("battle", "RELEASE_PRIZE", function(run)
          return { battleId = run.input.battleId, player = run.player, claimId = run.id }
        end),
      }),
      -- A prize that may be paid stays claimed, and can be claimed again: the id makes it one payment. Earlier versions, to which a rollback of
      -- some members returns, pay the same prize by the battle's id, which therefore repeats the payment too.
      call("shop", "CREDIT", function(run)
        local claim, earlier = run.results.claim, "prize:" .. run.input.battleId
        local id = claim.prizeId and "prize:" .. claim.prizeId
        return { account = run.player, amount = claim.amount, creditId = id or earlier, earlierId = id and earlier }
      end, { name = "pay", keepInDoubt = true }),
      call("battle", "SETTLE_PRIZE", function(run)
        return { battleId = run.input.battleId, player = run.player }
      end, { name = "settle", keep = true }),
    },
  },
  -- A further starter costs a ticket.
  ["starter-purchase"] = {
    input = {
      species = { type = "string", required = true, maxLength = 32 },
      nickname = { type = "string", maxLength = 24 },
    },
    steps = {
      purchase(function()
        return "starter-ticket"
      end),
      call("shop", "CONSUME_ITEM", function(run)
        return { account = run.player, item = "starter-ticket", quantity = 1, consumeId = run.id }
      end, {
        name = "ticket",
        undo = call("shop", "RETURN_ITEM", function(run)
          return { account = run.player, consumeId = run.id }
        end),
      }),
      call("pokemon", "CREATE_POKEMON", function(run)
        return {
          species = run.input.species, nickname = run.input.nickname, level = 5,
          trainer = run.player, requestId = run.id,
        }
      end, {
        name = "create",
        undo = call("pokemon", "RELEASE_POKEMON", function(run)
          return { trainer = run.player, requestId = run.id }
        end),
      }),
    },
  },
  -- Buys a stone and uses it. If the pokemon cannot evolve, the purchase is refunded.
  ["stone-evolution"] = {
    input = {
      pokemonId = { type = "string", required = true, maxLength = 64 },
      item = { type = "string", required = true, maxLength = 32 },
    },
    steps = {
      purchase(function(run)
        return run.input.item
      end),
      call("pokemon", "EVOLVE", function(run)
        return { pokemonId = run.input.pokemonId, item = run.input.item }
      end, { name = "evolve", onBehalf = true }),
    },
  },
}

--- @param name string
--- @return table? { input: schema, steps }
function workflows.get(name)
  return TABLE[name]
end

--- @return string[] all names, sorted
function workflows.names()
  local names = {}
  for name in pairs(TABLE) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

return workflows
