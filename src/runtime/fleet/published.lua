--- What a process publishes on a HyperBEAM node, where anyone reads it by a plain GET without a message: `/<id>~process@1.0/now/fleet/state`
-- is what `Info` and `HEALTH_CHECK` report, as JSON; `fleet/release`, `version`, `status`, `epoch` and `health` are single values of it. Other
-- modules add parts of their own.
--
-- After each message, what changed since it was last published is sent to the node as a patch. The health of the process is judged again
-- after a change, after a fault, and otherwise at most once a minute of messages. On legacy units nothing is published.
--
-- Only this module publishes under the key: what the program sends for it, of its own accord or because it forwards the tags of a stranger,
-- is removed.
local auth = require("fleet.auth")
local config = require("fleet.config")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local health = require("fleet.health")
local json = require("fleet.json")
local keys = require("fleet.published-keys")
local node = require("fleet.node")
local partition = require("fleet.partition")
local run = require("fleet.run")
local stats = require("fleet.stats")
local store = require("fleet.store")

local published = {}

--- The key in the state of the process; reserved.
published.KEY = "fleet"

--- Milliseconds after which a message leads to a new judgement, even if nothing changed.
local JUDGE_EVERY = 60000
--- Bytes of a part; a larger one is published as "", and is read by a message.
local MAX_BYTES = 32 * 1024
local MOST_CHECKS, MOST_LETTERS = 20, 128

-- mark, peers, judged, slot: of what was published last · marks: part → what a change of it is recognized by · judgedAt, errors: at the
-- latest judgement.
store.published = store.published or { marks = {} }
local kept = store.published

local parts = {}

--- Adds a part with a key of its own.
-- @tparam string name
-- @tparam function mark returns a small table that differs after every change of the part
-- @tparam function read returns its value
function published.add(name, mark, read)
  parts[name] = { mark = mark, read = read }
end

local function bounded(value)
  local text = node.text(json.encode(value))
  return #text <= MAX_BYTES and text or ""
end

-- What a change of the state is recognized by after each message, without its figures and its health.
local function markOf()
  local marker = store.marker
  local mark = { store.status, store.epoch, marker.release, marker.sourceHash, tostring(marker.at), tostring(store.stateVersion),
    store.peersHash, tostring(store.router), table.concat(keys.unpublished(), ",") }
  for _, range in ipairs(store.partition.ranges) do mark[#mark + 1] = store.partition.salt .. " " .. range.from .. " " .. range.to end
  for name, held in pairs(store.configs) do mark[#mark + 1] = name .. "=" .. tostring(held.version) end
  return table.concat(mark, "\n")
end

local function factsOf()
  local process, marker = store.process, store.marker
  return {
    name = process.name, processType = process.processType, capabilities = process.capabilities, version = health.version(),
    status = store.status, epoch = store.epoch, release = marker.release, sourceHash = marker.sourceHash,
    stateVersion = store.stateVersion or "", configVersions = json.copy(config.versions()), peersHash = store.peersHash,
    router = store.router, unpublished = keys.unpublished(), sealed = partition.sealed(),
  }
end

-- The process' own judgement without expectations of anyone; nil if a check ends it. What checks of the program send is not sent.
local function judge()
  local ok, report = run.protected(function() return health.report({}, nil) end, { readonly = true, silent = true })
  if not ok then return nil end
  local failed = {}
  for _, check in ipairs(report.checks) do
    if check.status ~= "HEALTHY" and #failed < MOST_CHECKS then failed[#failed + 1] = check end
  end
  return { healthStatus = report.healthStatus, failed = failed }, report.changedByHand
end

-- Whether the state changed, a fault was counted, or the latest judgement is old; and whether an Eval may have changed something else.
local function isDue(mark)
  -- Every wiring brings a new table. The message that first loads the library has no slot.
  local isChanged = mark ~= kept.mark or not rawequal(kept.peers, store.peers) or kept.errors ~= store.stats.errors
  local current = Fleet.current
  -- A message that was handled before is no reason to judge again.
  local isOwn = current ~= nil and current.repeated == false
  local isOld = isOwn and (kept.slot == nil or math.abs(envelope.now() - (kept.judgedAt or 0)) >= JUDGE_EVERY)
  return isChanged or isOld, isOwn and current.hasCode and current.from == auth.owner()
end

local function state()
  local mark = markOf()
  local isToPublish, isToJudge = isDue(mark)
  if not isToPublish and not isToJudge then return nil end
  local facts = factsOf()
  facts.health, facts.changedByHand = judge()
  local judged = json.encode(facts)
  if not isToPublish and judged == kept.judged then return nil end
  local values, figures, slot = {}, store.stats, Fleet.current and Fleet.current.slot
  for _, name in ipairs({ "release", "version", "status", "epoch" }) do
    local value = facts[name]
    values[name] = type(value) == "string" and node.text(cut(value, MOST_LETTERS)) or value
  end
  facts.schema, facts.at, facts.slot, facts.peers = 1, envelope.now(), slot, json.copy(store.peers)
  facts.stats = { messages = figures.messages, errors = figures.errors, refused = figures.refused, luaHeapKB = stats.heapKB() }
  values.state, values.health = bounded(facts), facts.health and facts.health.healthStatus or ""
  kept.mark, kept.peers, kept.judged, kept.slot = mark, store.peers, judged, slot
  kept.errors, kept.judgedAt = figures.errors, envelope.now()
  return values
end

-- Each by itself: an error in one of them is no reason to drop the others, which count as published. It is tried again after the next message.
local function changes()
  local ok, values = pcall(state)
  values = ok and values or {}
  for name, part in pairs(parts) do
    pcall(function()
      local mark = json.encode(part.mark())
      if kept.marks[name] ~= mark then
        values[name] = bounded(part.read())
        kept.marks[name] = mark
      end
    end)
  end
  -- Of an earlier program, such as a router.
  for name in pairs(kept.marks) do
    if not parts[name] then kept.marks[name], values[name] = nil, "" end
  end
  return next(values) ~= nil and values or nil
end

-- The patch of the message that is evaluated: the result may be asked for twice.
local own

local function isOurs(name)
  local path = type(name) == "string" and name:lower():gsub("^/+", "") or ""
  return path == published.KEY or path:sub(1, #published.KEY + 1) == published.KEY .. "/"
end

local function protectKey()
  for _, message in ipairs(ao.outbox.Messages) do
    if not rawequal(message, own) and node.isPatch(message) then
      for i = #message.Tags, 1, -1 do
        local tag = message.Tags[i]
        if type(tag) == "table" and isOurs(tag.name) then table.remove(message.Tags, i) end
      end
    end
  end
end

local function publish()
  if not store.marker then return end
  local patch = {}
  pcall(keys.changes, patch)
  patch[published.KEY] = changes()
  if next(patch) == nil then return end
  own = node.patch(patch)
  table.insert(ao.outbox.Messages, own)
end

local function wrap(original)
  return function(result)
    -- A message that failed leaves no trace, and a dry run is none.
    local isFailed = type(result) == "table" and result.Error or ao.outbox.Error
    if not isFailed and not (Fleet.current and Fleet.current.readOnly) then
      -- An error in here must neither fail the message nor tell anybody: what is not published is read by a message.
      pcall(protectKey)
      pcall(publish)
    end
    return original(result)
  end
end

--- Installs the wrapper of aos' function for the result of a message; a later bundle replaces it instead of wrapping it again.
function published.install()
  if type(ao) ~= "table" or type(ao.result) ~= "function" or not node.isHere() then return end
  if ao.result ~= Fleet.result then Fleet.aosResult = ao.result end
  Fleet.result = wrap(Fleet.aosResult)
  ao.result = Fleet.result
end

return published
