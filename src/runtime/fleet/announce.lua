--- What a process tells by itself, so that its messages show it: `STARTUP` once a release, and `Error` at most once a minute. It
-- is told to the deployment coordinator where the process is wired to it, else to the owner. Neither is answered.
local auth = require("fleet.auth")
local envelope = require("fleet.envelope")
local json = require("fleet.json")
local store = require("fleet.store")

local announce = {}

local ERROR_EVERY = 60000

local function listener()
  local coordinator = store.peers["deployment-coordinator"]
  if coordinator and coordinator ~= ao.id then return coordinator end
  local owner = auth.owner()
  return owner ~= "" and owner ~= ao.id and owner or nil
end

local function tell(action, data)
  local target = listener()
  if not target then return false end
  data.name = store.process.name
  -- It may go to who sent the message at hand, and is no answer to it.
  local tags = { { name = "Action", value = action }, { name = "Fleet-Notice", value = action } }
  ao.send({ Target = target, Data = json.encode(data), Tags = tags })
  return true
end

--- Says once that this release runs here.
function announce.startup()
  local marker, target = store.marker, listener()
  if not marker or not target then return end
  local key = marker.release .. "/" .. marker.sourceHash .. "/" .. target
  if store.announced.startup == key then return end
  local told = tell("STARTUP", {
    processType = store.process.processType, version = marker.version, release = marker.release,
    sourceHash = marker.sourceHash, epoch = store.epoch, at = envelope.now(),
  })
  if told then store.announced.startup = key end
end

--- Passes a fault on, unless one was passed on within the last minute; the log has them all.
function announce.fault(action, text)
  local now = envelope.now()
  if store.announced.errorAt > 0 and now - store.announced.errorAt < ERROR_EVERY then return end
  if tell("Error", { action = action, message = text:sub(1, 500), at = now }) then store.announced.errorAt = now end
end

return announce
