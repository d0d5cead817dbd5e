--- Sends settings to many processes: all or none. First reads the settings of every target, then sends the new version to
-- those whose settings differ. If one does not accept it, the others restore their previous settings.
local cut = require("fleet.cut")
local fleet = require("fleet")
local registrations = require("registrations")

local shipment = {}

local function reason(reply)
  local failure = type(reply.error) == "table" and reply.error or {}
  return cut(tostring(failure.code or "BAD_REPLY"), 64), cut(tostring(failure.message or "no valid reply"), 300)
end

local function note(job, id, status, code, message)
  job.results[id] = { name = registrations.name(id), status = status, code = code, message = message, hash = job.hashes[id] }
end

-- Asks all processes of a list at once; calls `after` when the last one has answered or timed out.
local function askAll(ids, action, dataOf, tags, use, after)
  local open = #ids
  if open == 0 then return after() end
  for _, id in ipairs(ids) do
    fleet.ask(id, action, dataOf(id), function(reply)
      use(id, reply)
      open = open - 1
      if open == 0 then after() end
    end, { tags = tags })
  end
end

local function nextVersion(highest)
  local n = highest and math.tointeger(tonumber(tostring(highest):match("^%d+"))) or 0
  return (n or 0) + 1
end

local function finish(job, done)
  local total = #job.ids
  job.status = job.accepted == total and "COMPLETED" or job.accepted > 0 and "PARTIAL" or "FAILED"
  done(job)
end

local function restorePrevious(job, pending, done)
  askAll(pending, "RESTORE_CONFIG", function(id)
    return { configType = job.configType, version = job.version, hash = job.hashes[id] }
  end, job.tags, function(id, reply)
    local before = job.results[id]
    if reply.success ~= true then
      -- A target that refused the settings never had them. One that accepted them or did not answer may still have them.
      if before.status == "COMPLETED" or before.code == "TIMEOUT" then note(job, id, "UNCLEAR", reason(reply)) end
    elseif reply.restored == true then
      job.restored = job.restored + 1
      note(job, id, "RESTORED", before.code, before.message)
    end
  end, function() finish(job, done) end)
end

local function send(job, pending, done)
  local failed = false
  askAll(pending, "UPDATE_CONFIG", function(id)
    return {
      configType = job.configType, configData = job.data[id], version = job.version, hash = job.hashes[id],
      rollback = job.rollback, rule = job.rule, requestedBy = job.requestedBy,
    }
  end, job.tags, function(id, reply)
    if reply.success == true and reply.hash == job.hashes[id] then
      job.accepted = job.accepted + 1
      note(job, id, "COMPLETED")
      if reply.notEnforceable then job.notEnforceable = reply.notEnforceable end
    else
      failed = true
      if reply.success == true then note(job, id, "FAILED", "HASH_MISMATCH", "its settings differ from those sent")
      else note(job, id, "FAILED", reason(reply)) end
    end
  end, function()
    if failed then return restorePrevious(job, pending, done) end
    finish(job, done)
  end)
end

--- Sends settings to processes; calls `done(job)` at the end.
-- @tparam table job
--   in: `configType`, `ids`, `dataOf(held)` → the new settings of a process that has `held` (or nil), `requestedBy`, `epoch`;
--   `version` (default: one above every earlier version), `rollback`, `rule`
--   out: `status` COMPLETED, PARTIAL (some accepted, then restored) or FAILED, `results` by id, `accepted`, `restored`, `version`,
--   `hashes` and `data` by id, `notEnforceable`
function shipment.ship(job, done)
  job.results, job.hashes, job.data = fleet.object(), {}, {}
  job.accepted, job.restored = 0, 0
  job.tags = { Epoch = job.epoch }
  local answers, unknown = {}, false
  askAll(job.ids, "GET_CONFIG", function() return { configType = job.configType } end, nil, function(id, reply)
    if reply.success == true and type(reply.configs) == "table" then
      answers[id] = { held = reply.configs[job.configType], highest = type(reply.highest) == "table" and reply.highest[job.configType] or nil }
    else
      unknown = true
      note(job, id, "FAILED", reason(reply))
    end
  end, function()
    local highest, pending = nil, {}
    for _, id in ipairs(job.ids) do
      local answer = answers[id]
      if answer then
        for _, version in ipairs({ answer.highest or false, answer.held and answer.held.version or false }) do
          if version and (highest == nil or fleet.compareVersions(version, highest) > 0) then highest = version end
        end
        local data = job.dataOf(answer.held and answer.held.configData)
        job.data[id], job.hashes[id] = data, fleet.configHash(data)
        if not (answer.held and answer.held.hash == job.hashes[id]) then pending[#pending + 1] = id end
      end
    end
    job.version = job.version or #pending == 0 and highest or nextVersion(highest)
    for _, id in ipairs(job.ids) do
      if answers[id] and unknown then
        note(job, id, "SKIPPED", "NOT_SENT", "nothing was sent, because another process did not answer")
      elseif answers[id] and answers[id].held and answers[id].held.hash == job.hashes[id] then
        job.accepted = job.accepted + 1
        note(job, id, "UNCHANGED")
      end
    end
    if unknown then
      job.accepted = 0
      return finish(job, done)
    end
    send(job, pending, done)
  end)
end

return shipment
