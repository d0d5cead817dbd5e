--- Calls wired peers once and reports who answered, because only messages prove that the connections of the fleet work.
local calls = require("fleet.calls")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local json = require("fleet.json")
local shared = require("fleet.shared")
local store = require("fleet.store")
local wiring = require("fleet.wiring")

local probe = {}

local function known(names)
  if names then return names end
  local all = {}
  for name in pairs(store.peers) do all[#all + 1] = name end
  table.sort(all)
  return all
end

local function told(answer)
  if answer.success then
    return { ok = true, name = answer.name, status = answer.status, version = answer.version }
  end
  return { ok = false, code = answer.error.code, message = cut(tostring(answer.error.message), 200) }
end

--- Asks each peer for its Info; answers the message when all have answered or timed out. A peer without the library, which
-- would not answer, is not asked: `LIB_REQUIRED`.
-- @tparam table data `peers`: names (default: all wired peers) · `timeout`: time limit of one call in ms
-- @return table? the result, if no call is needed
function probe.run(data, msg)
  local peers, asked, without, at = json.object(), {}, wiring.withoutLibrary(), envelope.of(msg).at
  for _, name in ipairs(known(data.peers)) do
    local id = store.peers[name]
    if not id then
      peers[name] = { ok = false, code = "PEER_UNKNOWN", message = "there is no wired peer of that name" }
    elseif without[id] then
      peers[name] = { ok = false, code = "LIB_REQUIRED", message = "it runs without the fleet's library", processId = id }
    else
      asked[#asked + 1] = name
    end
  end
  local waiting = #asked
  if waiting == 0 then return { peers = peers } end
  calls.later(msg)
  for _, name in ipairs(asked) do
    local id = store.peers[name]
    calls.open(id, name, "Info", nil, function(answer)
      local result = told(answer)
      result.processId, result.ms = id, envelope.now() - at
      peers[name] = result
      waiting = waiting - 1
      if waiting == 0 then Fleet.reply(msg, { peers = peers }) end
    end, { timeout = data.timeout, tags = { [shared.TAG] = "1" } })
  end
  return nil
end

return probe
