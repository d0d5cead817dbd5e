--- The declarations of the loaded bundle: actions, checks, invariants. A new bundle starts with none and takes over at its
-- commit, so old actions disappear, and a failed load keeps the old declarations active.
local auth = require("fleet.auth")
local types = require("fleet.check-types")

local registry = {}

-- Prefix that selects an action of the library, even if the program has one of that name.
local PREFIX = "Fleet."

local isKind = {}
for _, kind in ipairs(types.kinds) do isKind[kind] = true end

Fleet.staged = { actions = {}, builtins = {}, checks = {}, invariants = {}, ways = {} }

local function staged()
  return Fleet.staged
end

local function live()
  return Fleet.live or Fleet.staged
end

--- Declares an action.
-- @tparam string action matched exactly
-- @tparam table options
--   who: role (default `anyone`), see `auth.allows`; of a readonly action, it limits who makes the process send the reply, and protects
--   nothing: anyone can read the state of a process by a dry run, in whatever name · schema, strict: see `validate` · control: needs the tag `Epoch` ·
--   once: a repeat is answered with the earlier reply · readonly: changes no state, so no undo is prepared ·
--   always: also answers while draining and retired · data = false: Data is not parsed · maxBytes: limit of Data, default 1 MB ·
--   silent: never replies · epoch = "optional": a tag `Epoch` must not be stale ·
--   forwards: sends the message on; if that is refused, the same request may be sent again
-- @tparam function handler `function(data, msg)` that returns the members of the reply
function registry.on(action, options, handler)
  if type(options) == "function" then options, handler = {}, options end
  options = options or {}
  if type(action) ~= "string" or action == "" or #action > 64 then error("fleet.on: expected an action of 1 to 64 characters", 3) end
  if type(handler) ~= "function" then error("fleet.on " .. action .. ": a handler is required", 3) end
  if not auth.isRule(options.who) then error("fleet.on " .. action .. ": unknown role in who: " .. tostring(options.who), 3) end
  if action:sub(1, #PREFIX) == PREFIX then error("fleet.on " .. action .. ": names with this prefix are reserved for the library", 3) end
  if action == "Eval" or action:sub(-9) == "-Response" then error("fleet.on " .. action .. ": this name is reserved", 3) end
  local before = staged().actions[action]
  if before and before.reserved then error("fleet.on " .. action .. ": this built-in action cannot be replaced", 3) end
  local entry = {}
  for key, value in pairs(options) do entry[key] = value end
  entry.action, entry.handler = action, handler
  staged().actions[action] = entry
  if entry.builtin then staged().builtins[action] = entry end
end

--- Declares a built-in action, which every process answers in any status.
function registry.everyProcess(action, options, handler)
  options.always, options.builtin = true, true
  registry.on(action, options, handler)
end

--- Declares a way in that is not recognised by its action, such as a tag. Messages that come by it are admitted, limited and counted as those
-- of an action: `fleet.dispatch` handles both.
-- @tparam string name of its handler
-- @tparam table entry like the options of `on`, with `action` (whose limits apply) and `handler`; also `read(msg)`, which parses and checks the
--   Data itself, and `onceAs(msg)`, by which a repeat is recognised
function registry.way(name, entry)
  staged().ways[name] = entry
end

--- The ways in that are not recognised by their actions: name of the handler → entry.
function registry.ways()
  return live().ways or {}
end

--- The declaration of an action, or nil. `Fleet.<action>` is the library's own, even if the program declared another.
function registry.find(action)
  if type(action) ~= "string" then return nil end
  if action:sub(1, #PREFIX) == PREFIX then return (live().builtins or {})[action:sub(#PREFIX + 1)] end
  return live().actions[action]
end

--- Names of the built-in actions, sorted.
function registry.builtins()
  local names = {}
  for name in pairs(live().builtins or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Whether an action is built in.
function registry.isBuiltin(action)
  return (live().builtins or {})[action] ~= nil
end

--- Names of all actions, sorted.
function registry.actions()
  local names = {}
  for name in pairs(live().actions) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function hasRule(who)
  if type(who) ~= "table" then return type(who) == "function" end
  for _, each in ipairs(who) do
    if hasRule(each) then return true end
  end
  return false
end

--- Names of the actions, except the built-in ones, that are not open to everyone: those of which roles decide, and those of which a rule of the
-- program decides; sorted.
function registry.guarded()
  local byRole, byRule = {}, {}
  for name, entry in pairs(live().actions) do
    if not entry.builtin and (entry.control or entry.who ~= nil and entry.who ~= "anyone") then
      local names = hasRule(entry.who) and byRule or byRole
      names[#names + 1] = name
    end
  end
  table.sort(byRole)
  table.sort(byRule)
  return byRole, byRule
end

--- Declares a custom health check.
-- @tparam string checkType STARTUP, READINESS, LIVENESS or PERFORMANCE
-- @tparam function fn returns true (healthy), false (unhealthy) or "DEGRADED", and a detail; must change nothing
function registry.check(name, checkType, fn)
  if type(name) ~= "string" or type(fn) ~= "function" or not isKind[checkType] then
    error("fleet.check: expected a name, one of " .. table.concat(types.kinds, " ") .. ", and a function", 3)
  end
  table.insert(staged().checks, { name = name, checkType = checkType, fn = fn })
end

function registry.checks()
  return live().checks
end

--- Declares a condition that must hold after every load and import, and that the liveness check verifies.
-- @tparam function fn returns whether it holds, and a detail
function registry.invariant(name, fn)
  if type(name) ~= "string" or type(fn) ~= "function" then error("fleet.invariant: expected a name and a function", 3) end
  table.insert(staged().invariants, { name = name, fn = fn })
end

--- Checks the invariants of the bundle being loaded, or of the running one.
-- @treturn table a list of { name, detail } of violated invariants
function registry.broken(ofStaged)
  local list = {}
  for _, each in ipairs((ofStaged and staged() or live()).invariants) do
    local ok, holds, detail = pcall(each.fn)
    if not ok then
      list[#list + 1] = { name = each.name, detail = tostring(holds) }
    elseif not holds then
      list[#list + 1] = { name = each.name, detail = tostring(detail or "does not hold") }
    end
  end
  return list
end

--- Activates the staged declarations.
function registry.commit()
  Fleet.live = Fleet.staged
end

return registry
