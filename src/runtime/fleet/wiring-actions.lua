--- The actions that set the peers of a process, admit their new revisions, and probe them.
local announce = require("fleet.announce")
local cut = require("fleet.cut")
local fail = require("fleet.fail")
local json = require("fleet.json")
local probe = require("fleet.probe")
local registry = require("fleet.registry")
local store = require("fleet.store")
local wiring = require("fleet.wiring")

local on = registry.everyProcess

-- A list of names as a set.
local function named(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

on("WIRE_PEERS", {
  who = "deployer", control = true, reserved = true,
  schema = {
    peers = { type = "table", required = true },
    router = { type = "string", maxLength = 128 },
    -- Names in `peers` that run without the library. Deployers of earlier versions do not send it.
    withoutLibrary = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 64 } },
    hash = { type = "string", maxLength = 128 },
  },
}, function(data)
  local peers, problems, count = json.object(), {}, 0
  for name, id in pairs(data.peers) do
    count = count + 1
    if type(name) ~= "string" or not name:match("^[%w][%w%-_%.]*$") or #name > 64 then
      problems[#problems + 1] = { path = "peers", got = cut(tostring(name), 60), expected = "names of letters, digits and hyphens" }
    elseif type(id) ~= "string" or not id:match("^[%w%-_]+$") or #id > 128 then
      problems[#problems + 1] = { path = "peers." .. name, got = cut(tostring(id), 60), expected = "a process id" }
    else
      peers[name] = id
    end
  end
  local without = {}
  for name in pairs(named(data.withoutLibrary)) do
    if data.peers[name] == nil then
      problems[#problems + 1] = { path = "withoutLibrary", got = name, expected = "names in peers" }
    end
    without[#without + 1] = name
  end
  table.sort(without)
  if count > 1000 then problems = { { path = "peers", got = count .. " peers", expected = "at most 1000" } } end
  if #problems > 0 then
    table.sort(problems, function(a, b) return a.path < b.path end)
    error(fail.new("INVALID_DATA", "invalid peers: " .. problems[1].path .. " is " .. problems[1].got,
      "Send peers as { name: processId }.", { problems = problems }))
  end
  wiring.replace(peers, data.hash or "", data.router, without)
  announce.startup()
  return { peers = peers, hash = store.peersHash, router = data.router, withoutLibrary = without }
end)

on("ADMIT_PEER", {
  who = "deployer", control = true, reserved = true,
  schema = {
    name = { type = "string", required = true, minLength = 1, maxLength = 64 },
    processId = { type = "string", required = true, minLength = 1, maxLength = 128, pattern = "^[%w%-_]+$" },
  },
}, function(data)
  if not store.peers[data.name] then
    error(fail.new("PEER_UNKNOWN", "this process has no peer " .. cut(data.name, 60), "Wire it first: WIRE_PEERS."))
  end
  return { name = data.name, admitted = wiring.admit(data.name, data.processId) }
end)

on("PROBE_PEERS", {
  who = "deployer", readonly = true, reserved = true,
  schema = {
    peers = { type = "array", maxLength = 1000, items = { type = "string", minLength = 1, maxLength = 64 } },
    timeout = { type = "integer", min = 1, max = 600000 },
  },
}, probe.run)

return true
