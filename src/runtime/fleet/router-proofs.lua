--- The revisions that have proven their health for a release: without a proof no process gets more traffic than it has.
local calls = require("fleet.calls")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local kept = require("fleet.router-state")
local registry = require("fleet.registry")
local tables = require("fleet.router-table")

local proofs = {}

--- Maximum number of proofs in addition to those of the current tables.
local MAX_PROOFS = 64

local S = kept.state

--- Raises `UNPROVEN_TARGET` if a share would exceed, without a proof, what the process has now or in the table to return to.
function proofs.assertProven(data)
  local missing = {}
  for name, service in pairs(data.services) do
    local held = tables.shares(S.table and S.table.services[name])
    for id, share in pairs(tables.shares(S.proven and S.proven.services[name])) do held[id] = math.max(held[id] or 0, share) end
    for id, share in pairs(tables.shares(service)) do
      local proof = S.proofs[id]
      local revision = tables.revision(data.services, id)
      local isProven = proof ~= nil and proof.status == "proven" and proof.release == data.release
        and (revision == nil or proof.revision == revision)
      if share > (held[id] or 0) and not isProven then missing[#missing + 1] = name .. " " .. id end
    end
  end
  if #missing == 0 then return end
  table.sort(missing)
  kept.refuse("UNPROVEN_TARGET", "these targets have not proven their health for release " .. data.release:sub(1, 12) .. ": " .. table.concat(missing, ", "),
    "Send PROVE_TARGETS and wait until GET_TRAFFIC shows them proven.", { targets = missing })
end

--- Drops the oldest proofs that the tables in use do not need.
function proofs.prune()
  local used, rest = {}, {}
  for _, of in ipairs({ S.table, S.proven }) do
    for _, service in pairs(of and of.services or {}) do
      for id in pairs(tables.shares(service)) do used[id] = true end
    end
  end
  for id, proof in pairs(S.proofs) do
    if not used[id] then rest[#rest + 1] = { id, proof.at } end
  end
  table.sort(rest, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  for i = MAX_PROOFS + 1, #rest do S.proofs[rest[i][1]] = nil end
end

local ACCEPTED = { HEALTHY = true, DEGRADED = true }

local function judged(proof, nonce, answer)
  local function say(status, detail)
    proof.status, proof.detail, proof.at = status, detail and cut(tostring(detail), 300), envelope.now()
  end
  if not answer.success then
    say("refused", answer.error.code .. ": " .. tostring(answer.error.message))
  elseif answer.nonce ~= nonce then
    say("refused", "it answered a different health check")
  elseif answer.sourceHash ~= proof.revision then
    say("refused", "it runs code " .. tostring(answer.sourceHash):sub(1, 8) .. ", not " .. cut(proof.revision, 8))
  elseif not ACCEPTED[answer.healthStatus] then
    local bad = {}
    for _, check in ipairs(type(answer.checks) == "table" and answer.checks or {}) do
      if check.status == "UNHEALTHY" then bad[#bad + 1] = tostring(check.name) .. ": " .. tostring(check.detail) end
    end
    say("refused", "it is " .. tostring(answer.healthStatus) .. " (" .. table.concat(bad, "; ") .. ")")
  else
    say("proven")
  end
end

-- A lost check refuses no release: it is sent once more. A scheduler refuses a message whose content it has already, also from somebody who has only
-- copied it, so the second one has a nonce of its own.
local function ask(id, proof, nonce, isFirst)
  calls.open(id, id, "HEALTH_CHECK", { healthCheck = { checkType = "ALL", nonce = nonce, expectedSourceHash = proof.revision } }, function(answer)
    -- Ignored if the proof was requested again or dropped meanwhile.
    if S.proofs[id] ~= proof then return end
    if isFirst and not answer.success and answer.error.code == "TIMEOUT" then return ask(id, proof, nonce .. ":again", false) end
    judged(proof, nonce, answer)
  end)
end

local ID = { type = "string", pattern = "^[%w_-]+$", minLength = 43, maxLength = 43, like = "an AO process id" }

registry.on("PROVE_TARGETS", {
  who = "deployer", control = true, strict = true,
  schema = {
    release = { type = "string", required = true, minLength = 1, maxLength = 128 },
    targets = { type = "object", required = true, minKeys = 1, maxKeys = 256, keys = ID, values = { type = "string", minLength = 1, maxLength = 64 } },
  },
}, function(data, msg)
  local ids, asked = {}, {}
  for id in pairs(data.targets) do ids[#ids + 1] = id end
  table.sort(ids)
  for i, id in ipairs(ids) do
    local revision, known = data.targets[id], S.proofs[id]
    local done = known and known.status == "proven" and known.release == data.release and known.revision == revision
    if not done then
      local proof = { release = data.release, revision = revision, status = "asked", at = envelope.now() }
      S.proofs[id] = proof
      asked[#asked + 1] = id
      ask(id, proof, tostring(msg.Id) .. ":" .. i, true)
    end
  end
  return { asked = asked, count = #asked }
end)

return proofs
