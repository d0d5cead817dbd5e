--- Settings on their way to many processes: all or none. First everybody is asked what it holds, then those that hold
-- something else get the new version, and when one does not take it the others are told to go back to what they held.
local fleet = require("fleet")
local registrations = require("registrations")

local shipment = {}

local function reason(reply)
  local failure = type(reply.error) == "table" and reply.error or {}
  return tostring(failure.code or "BAD_REPLY"):sub(1, 64), tostring(failure.message or "no usable answer"):sub(1, 300)
end

local function note(job, id, status, code, message)
  job.results[id] = { name = registrations.name(id), status = status, code = code, message = message, hash = job.hashes[id] }
end

-- Asks all of a list at once; calls `after` when the last one answered or was given up.
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
  job.status = job.taken == total and "COMPLETED" or job.taken > 0 and "PARTIAL" or "FAILED"
  done(job)
end

local function takeBack(job, pending, done)
  askAll(pending, "RESTORE_CONFIG", function(id)
    return { configType = job.configType, version = job.version, hash = job.hashes[id] }
  end, job.tags, function(id, reply)
    local before = job.results[id]
    if reply.success ~= true then
      -- Who refused the settings never held them; who took them, or never answered, may hold them still.
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
      job.taken = job.taken + 1
      note(job, id, "COMPLETED")
      if reply.notEnforceable then job.notEnforceable = reply.notEnforceable end
    else
      failed = true
      if reply.success == true then note(job, id, "FAILED", "HASH_MISMATCH", "it holds other settings than it was sent")
      else note(job, id, "FAILED", reason(reply)) end
    end
  end, function()
    if failed then return takeBack(job, pending, done) end
    finish(job, done)
  end)
end

--- Sends settings to processes; calls `done(job)` at the end.
-- @tparam table job
--   in: `configType`, `ids`, `dataOf(held)` → the settings of a process that holds `held` (or nil), `requestedBy`, `epoch`;
--   `version` (default: one above all that there ever were), `rollback`, `rule`
--   out: `status` COMPLETED, PARTIAL (some took it, and went back) or FAILED, `results` by id, `taken`, `restored`, `version`,
--   `hashes` and `data` by id, `notEnforceable`
function shipment.ship(job, done)
  job.results, job.hashes, job.data = fleet.object(), {}, {}
  job.taken, job.restored = 0, 0
  job.tags = { Epoch = job.epoch }
  local told, unknown = {}, false
  askAll(job.ids, "GET_CONFIG", function() return { configType = job.configType } end, nil, function(id, reply)
    if reply.success == true and type(reply.configs) == "table" then
      told[id] = { held = reply.configs[job.configType], highest = type(reply.highest) == "table" and reply.highest[job.configType] or nil }
    else
      unknown = true
      note(job, id, "FAILED", reason(reply))
    end
  end, function()
    local highest, pending = nil, {}
    for _, id in ipairs(job.ids) do
      local one = told[id]
      if one then
        for _, version in ipairs({ one.highest or false, one.held and one.held.version or false }) do
          if version and (highest == nil or fleet.compareVersions(version, highest) > 0) then highest = version end
        end
        local data = job.dataOf(one.held and one.held.configData)
        job.data[id], job.hashes[id] = data, fleet.configHash(data)
        if not (one.held and one.held.hash == job.hashes[id]) then pending[#pending + 1] = id end
      end
    end
    job.version = job.version or #pending == 0 and highest or nextVersion(highest)
    for _, id in ipairs(job.ids) do
      if told[id] and unknown then
        note(job, id, "SKIPPED", "NOT_SENT", "another process could not be asked, so nothing was sent")
      elseif told[id] and told[id].held and told[id].held.hash == job.hashes[id] then
        job.taken = job.taken + 1
        note(job, id, "UNCHANGED")
      end
    end
    if unknown then
      job.taken = 0
      return finish(job, done)
    end
    send(job, pending, done)
  end)
end

return shipment
