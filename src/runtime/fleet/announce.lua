--- Notices that a process sends on its own: `STARTUP` once per release, and `Error` at most once a minute. They go to
-- the deployment coordinator if the process is wired to it, else to the owner. They are not answered.
local auth = require("fleet.auth")
local author = require("fleet.author")
local cut = require("fleet.cut")
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

local function notify(action, data)
  local target = listener()
  if not target then return false end
  data.name = store.process.name
  -- The tag distinguishes it from an answer, because it may go to the sender of the current message.
  local tags = { { name = "Action", value = action }, { name = "Fleet-Notice", value = action } }
  ao.send({ Target = target, Data = json.encode(data), Tags = tags })
  return true
end

--- Announces once that this release runs here.
function announce.startup()
  local marker, target = store.marker, listener()
  if not marker or not target then return end
  local key = marker.release .. "/" .. marker.sourceHash .. "/" .. target
  if store.announced.startup == key then return end
  local sent = notify("STARTUP", {
    processType = store.process.processType, version = marker.version, release = marker.release,
    sourceHash = marker.sourceHash, epoch = store.epoch, at = envelope.now(),
  })
  if sent then store.announced.startup = key end
end

-- The notices of faults in strangers' requests are counted apart: they silence none of the others.
local function classOf()
  return author.now().class == "others" and "errorAt" or "ownErrorAt"
end

--- Reports a fault, unless one was reported within the last minute, for requests of the fleet and for those of others; the log contains all.
function announce.fault(action, text)
  local now, class = envelope.now(), classOf()
  local latest = store.announced[class] or 0
  if latest > 0 and now - latest < ERROR_EVERY then return end
  if notify("Error", { action = action, message = cut(text, 500), at = now }) then store.announced[class] = now end
end

return announce
