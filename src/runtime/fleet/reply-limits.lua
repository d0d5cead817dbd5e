--- Whether a message may get an answer. Plain aos answers nothing by itself, so the library must not start an exchange that does not end:
-- two programs of which each answers every message of the other would do that forever, at the cost of both.
--
-- A person with a wallet is always answered, because nothing signs the next message for them. Rules for a message that a process sent:
--   * a reply or a notice is handled, but never answered, whatever its action;
--   * `UNKNOWN_ACTION` only answers a request of the fleet's protocol: one with a `Correlation-Id` that was not answered before;
--   * the library's own answers (built-in actions; refusals of a draining or retired process) are limited for each sender, each author for
--     whom it sends, and each chain of messages, because an exchange that answers cause is one chain, and nobody uses up what the router or a
--     member gets for others. The limit is high for requests with a new `Correlation-Id`.
-- An action that the program declares is answered every time: the program decided that, as with a handler in plain aos.
local author = require("fleet.author")
local cut = require("fleet.cut")
local envelope = require("fleet.envelope")
local log = require("fleet.log")
local ring = require("fleet.ring")
local store = require("fleet.store")

local replyLimits = {}

--- The library's own answers to one sender in one chain within WINDOW ms of scheduler time: with a new correlation id, and without.
replyLimits.WINDOW, replyLimits.ASKED, replyLimits.UNASKED = 600000, 600, 16
--- Number of chains, and of correlation ids in each, that are remembered.
local CHAINS, KNOWN = 64, 8
local LONGEST = 64

store.chains = store.chains or { order = {}, byKey = {} }

-- A full table loses a chain that got few answers, of the sender who has most of these: new chains do not bring one back that was ended.
local LIMITS = {
  size = CHAINS,
  by = function(key) return key:match("^[^\n]*") end,
  rank = function(key) return store.chains.byKey[key].told and 1 or 0 end,
}

-- A messenger pushed it: its signer is not its sender.
local function isPushed(msg)
  return msg.Owner ~= msg.From
end

local function correlationOf(msg)
  local named = envelope.tag(msg, "Correlation-Id")
  return named ~= nil and named ~= "" and cut(named, LONGEST) or nil
end

--- Whether a process sent the message as a reply or as a notice. `msg.reply` of aos sets `X-Reference`; so does `msg.forward`, but with
-- `Reply-To`, and what it forwards is a request.
function replyLimits.isReply(msg)
  if not isPushed(msg) then return false end
  if envelope.tag(msg, "Fleet-Notice") then return true end
  return envelope.tag(msg, "X-Reference") ~= nil and envelope.tag(msg, "Reply-To") == nil
end

--- Whether a process sent the message and awaits no answer: also `Credit-Notice` and other names of this kind, as tokens use them.
function replyLimits.isNotice(msg)
  if not isPushed(msg) then return false end
  return replyLimits.isReply(msg) or type(msg.Action) == "string" and msg.Action:sub(-7) == "-Notice"
end

local function chainOf(msg)
  local chains, now = store.chains, envelope.now()
  local key = tostring(msg.From) .. "\n" .. author.of(envelope.of(msg)).by .. "\n" .. (envelope.pushedFor() or "")
  local found = chains.byKey[key]
  if not found then
    found = { at = now, asked = 0, unasked = 0, known = {} }
    chains.byKey[key] = found
    local lost = ring.add(chains.order, key, LIMITS)
    if lost then chains.byKey[lost] = nil end
  elseif now - found.at > replyLimits.WINDOW then
    found.at, found.asked, found.unasked, found.told = now, 0, 0, nil
  end
  return found
end

-- Ids that this process gave to its own calls come back in answers to them.
local function isNew(chain, correlation)
  if correlation == nil or correlation:sub(1, #ao.id + 1) == ao.id .. ":" then return false end
  for _, each in ipairs(chain.known) do
    if each == correlation then return false end
  end
  return true
end

local function count(chain, correlation, isAsked)
  if isAsked then chain.asked = chain.asked + 1 else chain.unasked = chain.unasked + 1 end
  if correlation == nil then return end
  chain.known[#chain.known + 1] = correlation
  if #chain.known > KNOWN then table.remove(chain.known, 1) end
end

--- Whether the library may answer on its own account, and counts the answer.
-- @tparam ?boolean onlyAsked only a request of the fleet's protocol
function replyLimits.own(msg, onlyAsked)
  if not isPushed(msg) then return true end
  local correlation = correlationOf(msg)
  if replyLimits.isReply(msg) or onlyAsked and not correlation then return false end
  local chain = chainOf(msg)
  local isAsked = isNew(chain, correlation)
  if onlyAsked and not isAsked then return false end
  if (isAsked and chain.asked or chain.unasked) >= (isAsked and replyLimits.ASKED or replyLimits.UNASKED) then
    if not chain.told then
      log.write("WARN", "no more answers to " .. cut(tostring(msg.Action), 64) .. " of " .. tostring(msg.From)
        .. " for now: it sends a message for every answer")
    end
    chain.told = true
    return false
  end
  count(chain, correlation, isAsked)
  return true
end

return replyLimits
