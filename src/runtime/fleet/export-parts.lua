--- Exports a state in parts, each small enough for a message, in time and memory that do not depend on the whole. Only before the first part, all
-- tables are looked through once.
--
-- A part is JSON text: a list of [area, path, put]. `area` is `s` (states), `v` (lossless states, which an earlier caller refuses), `g` (globals)
-- or `t` (the list of shared tables); `path` leads from there to a table; `put` are [key, value] pairs of it, keys and values as in a whole
-- export. Only large tables are divided. The order is that of `next`, which is stable while nothing changes: a change between two parts is
-- noticed, and the export must start again. If changes come all the time, the caller lets the process hold: it refuses requests to declared actions until
-- the last part was made, the export ended otherwise, or no further part was asked for in time, so that a caller that died leaves no process behind
-- that refuses them.
-- The running digest of part n is sha256 of that of part n - 1 (for the first: "") followed by sha256 of the text of part n.
local envelope = require("fleet.envelope")
local exactStates = require("fleet.exact-states")
local fail = require("fleet.fail")
local globals = require("fleet.globals")
local json = require("fleet.json")
local lossless = require("fleet.lossless-json")
local replyLimits = require("fleet.reply-limits")
local sha256 = require("fleet.sha256")
local stateJson = require("fleet.state-json")
local store = require("fleet.store")
local undo = require("fleet.undo")

local parts = {}

--- Bytes after which a part ends; bytes of a table that is not divided; depth of the deepest table that is.
local PART_BYTES, WHOLE_BYTES, MOST_DEPTH = 192 * 1024, 16 * 1024, 24
--- Bytes of a state that is exported in one piece, also if the caller can read parts.
local MOST_WHOLE = 512 * 1024
--- Milliseconds after a part in which the process refuses requests, if it holds, and in which it compares what messages change.
local HOLD_MS, WATCH_MS = 60000, 600000

-- The room that is left after a value as JSON, about; below 0 if it does not fit.
local function left(value, room, depth)
  if type(value) == "string" then return room - #value - 3 end
  if type(value) ~= "table" then return room - 6 end
  if depth > 64 then return room end
  for k, v in pairs(value) do
    room = left(v, room - (type(k) == "string" and #k + 4 or 8), depth + 1)
    if room < 0 then break end
  end
  return room - 2
end

-- The export that runs: id, mark, n: the latest part, reply: its answer, chain, stack of { t, key, area, path, text, depth }, states: name → table,
-- isExact: whether they are lossless, packer, found, at: the next of what follows.
local session
-- Until when the process refuses requests; nil: it does not.
local heldUntil

local HELD = { "DRAINING", "this process accepts no new requests while its state is read", "Send it again in a few seconds." }

--- Why the process refuses a message while it holds, or nil. Only what is answered is refused, because its sender can send it again. Others would be lost: a
-- notice that a process sent, a tick, and what handlers of the program's own take. If they change the state, the export starts again.
-- @tparam table entry the declaration of the action
function parts.refusal(entry, msg)
  if heldUntil == nil or envelope.now() > heldUntil or envelope.isDryRun() then return nil end
  if entry.silent or envelope.of(msg).cron or replyLimits.isNotice(msg) then return nil end
  return HELD
end

--- Whether a state is so large that it is exported in parts.
-- @tparam ?table names of globals · only: see `state.export`
function parts.isNeeded(names, only)
  local room = MOST_WHOLE
  for name, value in pairs(exactStates.selected(only)) do
    room = left(value, room - #name, 1)
    if room < 0 then return true end
  end
  for name, value in pairs(globals.selected(names).roots) do
    room = left(value, room - #name, 1)
    if room < 0 then return true end
  end
  return false
end

-- The states by name, in a table that no message changes.
local function listed(states)
  local list = {}
  for name, value in pairs(states) do list[name] = value end
  return list
end

local function push(area, t, path, text, depth)
  session.stack[#session.stack + 1] = { t = t, area = area, path = path, text = text, depth = depth }
end

-- The tables that come after the current one: the states, the globals, those without a value, the shared tables.
local function nextTable()
  session.at = session.at + 1
  local at, found = session.at, session.found
  if at == 1 then
    push(session.isExact and "v" or "s", session.states, {}, "states", 0)
  elseif at == 2 then
    push("g", found.roots, {}, "globals", 0)
  elseif at == 3 then
    local gone = {}
    for _, name in ipairs(found.gone) do gone[name] = json.NULL end
    push("gone", gone, {}, "globals", 0)
  else
    local shared = session.packer.queue[at - 3]
    if not shared then return false end
    push("t", { [at - 3] = shared[1] }, {}, shared[2], 0)
    session.stack[1].isList = true
  end
  return true
end

-- The packed value, or nil for a table that is divided.
local function packed(frame, k, v, path)
  local kind, depth = type(v), frame.depth + 1
  local isLarge = kind == "table" and depth <= MOST_DEPTH and left(v, WHOLE_BYTES, 1) < 0
  if frame.area == "gone" then return { __nil = true } end
  local text = kind == "table" and frame.text .. "." .. tostring(k) or frame.text
  if frame.isList then
    if not isLarge then return session.packer.body(v, text, 1) end
  elseif frame.area == "s" then
    if not isLarge then return stateJson.pack(v, text, depth == 1) end
    if depth > 1 then stateJson.assertPlain(v, text) end
  elseif not isLarge or not session.packer.isOwn(v, depth) then
    return session.packer.value(v, text, depth)
  end
  push(frame.area, v, path(), text, depth)
  return nil
end

local function keyOf(frame, k)
  if type(k) == "string" and frame.area == "s" then return k end
  return (frame.area == "s" and stateJson or lossless).key(k, frame.text)
end

-- The text of the next part, and whether it is the last.
local function advance()
  local out, bytes, open = { "[" }, 0, nil
  local function run(frame)
    if open == frame then return end
    out[#out + 1] = (open and "]]," or "") .. '["' .. (frame.area == "gone" and "g" or frame.area) .. '",' .. json.encode(frame.path) .. ",["
    open = frame
    frame.isFirst = true
  end
  local isLast = false
  while bytes < PART_BYTES do
    local frame = session.stack[#session.stack]
    if not frame then
      if not nextTable() then
        isLast = true
        break
      end
      frame = session.stack[1]
    end
    local k, v = next(frame.t, frame.key)
    if k == nil then
      session.stack[#session.stack] = nil
    else
      frame.key = k
      local key = keyOf(frame, k)
      local value = packed(frame, k, v, function()
        local path = { table.unpack(frame.path) }
        path[#path + 1] = key
        return path
      end)
      if value ~= nil then
        run(frame)
        local text = (frame.isFirst and "[" or ",[") .. json.encode(key) .. "," .. json.encode(value) .. "]"
        frame.isFirst = false
        out[#out + 1] = text
        bytes = bytes + #text
      end
    end
  end
  out[#out + 1] = open and "]]]" or "]"
  return table.concat(out), isLast
end

--- Ends what an export asked of the process: it accepts requests again.
function parts.finish()
  heldUntil = nil
  undo.watch(nil)
end

local function ended()
  return fail.new("STATE_CHANGED", "the state changed since the export began, or another export began", "Start the export again; DRAIN keeps the state as it is.")
end

local function watch()
  undo.watch(envelope.now() + WATCH_MS)
end

local function changed()
  session = nil
  parts.finish()
  return ended()
end

--- The next part, or the latest one again.
-- @tparam table part `n`, from 1, and from the second on the `id` of the first reply · `hold`: refuse requests to declared actions until the next part is
--   asked for
-- @tparam string id a new one, for the first part
-- @tparam ?table names of globals · whole · only: see `state.export`
-- @treturn table { id, n, text, digest: of the text, chain: the running digest, isLast, isHeld: whether the process refuses requests }, and in the first
--   `header`: the other members of the whole
-- @treturn table as `state.export`
-- @raise a failure STATE_CHANGED
function parts.export(part, id, names, whole, only)
  if part.n == 1 then
    heldUntil = nil
    local found = globals.selected(names)
    local states = exactStates.selected(only)
    local hasGlobals, isExact = #found.carried > 0, exactStates.isNeeded(states, found.roots)
    local groups = isExact and exactStates.groups(states, found) or { { roots = found.roots } }
    watch()
    session = {
      id = id, mark = undo.mark(hasGlobals), hasGlobals = hasGlobals, n = 0, chain = "", stack = {}, at = 0, found = found, isExact = isExact,
      states = isExact and groups[1].roots or listed(states), packer = lossless.packer(groups),
      header = { schema = isExact and 3 or hasGlobals and 2 or 1, stateVersion = store.stateVersion or "1", hasGlobals = hasGlobals or whole == true },
    }
  elseif not session or session.id ~= part.id then
    -- The export that runs goes on.
    error(ended())
  elseif not session.isLast and session.mark ~= undo.mark(session.hasGlobals) then
    error(changed())
  elseif session.n == part.n then
    return session.reply, session.found
  else
    watch()
  end
  if part.n ~= session.n + 1 or session.isLast then error(changed()) end
  heldUntil = part.hold and envelope.now() + HOLD_MS or nil
  local ok, text, isLast = pcall(advance)
  if not ok then
    session = nil
    parts.finish()
    error(text, 0)
  end
  local digest = sha256(text)
  session.n, session.chain = part.n, sha256(session.chain .. digest)
  session.reply = {
    id = session.id, n = part.n, text = text, digest = digest, chain = session.chain, isLast = isLast, header = part.n == 1 and session.header or nil,
    isHeld = heldUntil ~= nil and not isLast or nil,
  }
  if isLast then
    parts.finish()
    -- Only what a repetition of this part needs, and no table of the state.
    local found = { carried = session.found.carried, left = session.found.left, unknown = session.found.unknown }
    session = { id = session.id, n = part.n, isLast = true, reply = session.reply, found = found }
  end
  return session.reply, session.found
end

return parts
