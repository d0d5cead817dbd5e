--- A router's table as plain data: its validation, and the selection of a request's revision. This module has no state.
local fail = require("fleet.fail")
local sha256 = require("fleet.sha256")

local tables = {}

--- All of the traffic, in basis points.
tables.WHOLE = 10000
--- Bytes of a request's key.
tables.KEY = 1024

local function refuse(code, message, remedy, more)
  error(fail.new(code, message, remedy, more))
end

--- A caller's bucket from 0 to 9,999: the first 48 bits of sha256 of the key, a line break and the salt.
function tables.bucket(key, salt)
  return tonumber(sha256(key .. "\n" .. salt):sub(1, 12), 16) % tables.WHOLE
end

--- The process of a bucket: routes take buckets from 0 upwards, in their order.
function tables.route(routes, bucket)
  local edge = 0
  for _, route in ipairs(routes) do
    edge = edge + route.weightBp
    if bucket < edge then return route.processId end
  end
  return nil
end

--- The key of a request by a service's rule `sender`, `tag:<Name>` or `data:<member>`; the sender if that is missing.
-- @tparam table request { player, tag = function(name), data }
-- @raise a failure `TOO_LARGE`: the key is hashed, and sent as a tag
function tables.key(rule, request)
  local kind, name = rule:match("^(%a+):(.+)$")
  local value
  if kind == "tag" then
    value = request.tag and request.tag(name)
  elseif kind == "data" then
    value = type(request.data) == "table" and request.data[name]
    if math.type(value) == "float" and math.tointeger(value) then value = math.tointeger(value) end
    if type(value) == "number" then value = tostring(value) end
  end
  if type(value) == "string" and value ~= "" then
    if #value > tables.KEY then
      refuse("TOO_LARGE", "the key of the request, " .. rule .. ", has " .. #value .. " bytes, the limit is " .. tables.KEY,
        "Nothing was sent. Send a shorter one.")
    end
    return value
  end
  return tostring(request.player)
end

--- The process that a request goes to, and whether it is a tester's.
-- @tparam table service { key, routes, testers?, mirror? }
function tables.choose(service, salt, request)
  local testers = service.testers
  if testers and request.tag and request.tag(testers.tag) == testers.value then return testers.processId, true end
  return tables.route(service.routes, tables.bucket(tables.key(service.key, request), salt)), false
end

--- Raises `UNBALANCED_TABLE` unless each service's shares are non-negative integers that add up to 10,000, without duplicate processes.
function tables.check(services)
  local names = {}
  for name in pairs(services) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local sum, seen = 0, {}
    for _, route in ipairs(services[name].routes) do
      if route.weightBp < 0 then
        refuse("UNBALANCED_TABLE", name .. " has the share " .. route.weightBp .. " for " .. route.processId, "Use shares from 0 to 10000.")
      elseif seen[route.processId] then
        refuse("UNBALANCED_TABLE", name .. " has two routes to " .. route.processId, "Merge them into one share.")
      end
      seen[route.processId] = true
      sum = sum + route.weightBp
    end
    if sum ~= tables.WHOLE then
      refuse("UNBALANCED_TABLE", "the shares of " .. name .. " add up to " .. sum, "Change them so that they add up to 10000.")
    end
  end
end

--- Process → its largest share of any kind of a service's traffic: its route's share, and at least 1 for testers or as a mirror.
function tables.shares(service)
  local shares = {}
  local function most(id, share)
    if id and share > 0 then shares[id] = math.max(shares[id] or 0, share) end
  end
  for _, route in ipairs(service and service.routes or {}) do most(route.processId, route.weightBp) end
  if service and service.testers then most(service.testers.processId, 1) end
  if service then most(service.mirror, 1) end
  return shares
end

--- The revision of a process in a table, or nil.
function tables.revision(services, id)
  for _, service in pairs(services) do
    for _, route in ipairs(service.routes) do
      if route.processId == id then return route.revision end
    end
  end
  return nil
end

return tables
