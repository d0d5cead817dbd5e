-- Assignments below go to the module's own table.
local ipairs, pairs, sort = ipairs, pairs, table.sort
local _ENV = {}

function cast(poll, voter, choice)
  poll.votes[voter] = choice
end

function tally(votes)
  local counts = {}
  for _, choice in pairs(votes) do counts[choice] = (counts[choice] or 0) + 1 end
  return counts
end

--- A list of choices, most votes first; ties are sorted by name, so that every replay agrees.
function ranked(counts)
  local list, total = {}, 0
  for choice, count in pairs(counts) do
    list[#list + 1] = { choice = choice, count = count }
    total = total + count
  end
  sort(list, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.choice < b.choice
  end)
  for _, entry in ipairs(list) do entry.share = entry.count / total end
  return list
end

return _ENV
