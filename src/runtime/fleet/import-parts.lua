--- Collects a state that arrives in parts (see `fleet.export-parts`), and compares each with what it became: packed again, it must be what was
-- sent. Nothing of the process changes until the last part.
--
-- Here a run is [area, path, put, kind]: `kind` of a table of `g` and `t` is `o` (object), `a` (list) or `p` (`__pairs`). Each table has a run
-- before the runs of the tables in it. Lossless states (schema 3) also have the area `s`; they are kept as JSON, as globals are.
local exactStates = require("fleet.exact-states")
local fail = require("fleet.fail")
local json = require("fleet.json")
local sha256 = require("fleet.sha256")
local stateJson = require("fleet.state-json")

local parts = {}

local SCHEMAS = { true, true, true }

-- The import that runs: id, n, chain, digest: of the latest part, header, nodes: area and path → table, states, globals, tables.
local incoming

local function bad(text)
  return fail.new("BAD_STATE", text, "Export the state again.")
end

-- Whether the tables of an area are kept as values, and not as JSON.
local function isUnpacked(area)
  return area == "s" and incoming.header.schema ~= 3
end

local function put(area, node, kind, key, value, text)
  if isUnpacked(area) then
    local at = stateJson.unpack(key)
    if at == nil or node[at] ~= nil or value == nil then error(bad("a member of " .. text .. " is there twice or has no value")) end
    node[at] = stateJson.unpack(value)
    local isSame = exactStates.isSame
    if not isSame(stateJson.pack(at, text, true), key) or not isSame(stateJson.pack(node[at], text, true), value) then
      error(fail.new("DIGEST_MISMATCH", "a member of " .. text .. " differs from the exported one", "Report this to the maintainers: it is a bug in the library."))
    end
  elseif kind == "p" then
    local list = node.__pairs
    list[#list + 1] = { key, value }
  else
    if type(key) == "table" or node[key] ~= nil then error(bad("a member of " .. text .. " is there twice")) end
    node[key] = value
  end
end

-- The table at a path; a new one is put into the one above it.
local function nodeAt(area, path, kind)
  local text = area .. json.encode(path)
  local node = incoming.nodes[text]
  if node then return node, text end
  if #path == 0 then
    node = area == "s" and incoming.states or area == "g" and incoming.globals or incoming.tables
  else
    local above = { table.unpack(path, 1, #path - 1) }
    local parent, name = nodeAt(area, above, area == "t" and #above == 0 and "a" or nil)
    node = not isUnpacked(area) and kind == "p" and { __pairs = {} } or {}
    local key = path[#path]
    if isUnpacked(area) then
      local at = stateJson.unpack(key)
      if at == nil or parent[at] ~= nil then error(bad("a table of " .. name .. " is there twice")) end
      parent[at] = node
    else
      put(area, parent, parent.__pairs and "p" or nil, key, node, name)
    end
  end
  incoming.nodes[text] = node
  return node, text
end

local function apply(runs)
  for _, run in ipairs(runs) do
    local area, path, list, kind = run[1], run[2], run[3], run[4]
    if area ~= "s" and area ~= "g" and area ~= "t" or type(path) ~= "table" or type(list) ~= "table" then error(bad("a part has an unknown run")) end
    local node, text = nodeAt(area, path, kind)
    for _, pair in ipairs(list) do put(area, node, kind, pair[1], pair[2], text) end
  end
end

local function begin(part)
  local header = part.header
  if type(header) ~= "table" or not SCHEMAS[header.schema] or type(header.stateVersion) ~= "string" then
    error(bad("the first part has no header of this library's EXPORT_STATE"))
  end
  local states = header.schema == 3 and json.object() or {}
  incoming = { id = part.id, n = 0, chain = "", header = header, nodes = {}, states = states, globals = json.object(), tables = {} }
end

--- Takes the next part, or the latest one again.
-- @tparam table part `id`: any, the same in all parts · `n`, from 1 · `text`, `digest` · `header`, with the first · `isLast`
-- @treturn string the running digest
-- @treturn ?table after the last part: { header, states, globals, tables }, where `states` has the values themselves with the schemas 1 and 2
-- @raise a failure PART_MISSING, DIGEST_MISMATCH or BAD_STATE; then all parts are dropped
function parts.take(part)
  if part.n == 1 and not (incoming and incoming.id == part.id and incoming.n == 1 and incoming.digest == part.digest) then begin(part) end
  if not incoming or incoming.id ~= part.id then
    error(fail.new("PART_MISSING", "the parts before part " .. part.n .. " of this state are not here", "Send the state again, from its first part."))
  end
  if incoming.n ~= part.n or incoming.digest ~= part.digest then
    local ok, problem = pcall(function()
      if part.n ~= incoming.n + 1 then
        error(fail.new("PART_MISSING", "part " .. part.n .. " does not follow part " .. incoming.n, "Send the state again, from its first part."))
      elseif sha256(part.text) ~= part.digest then
        error(fail.new("DIGEST_MISMATCH", "part " .. part.n .. " does not have the given digest", "Send the state again, from its first part."))
      end
      local runs, fault = json.decode(part.text)
      if fault or type(runs) ~= "table" then error(bad("part " .. part.n .. ": " .. tostring(fault or "no list"))) end
      apply(runs)
    end)
    if not ok then
      incoming = nil
      error(problem, 0)
    end
    incoming.n, incoming.digest, incoming.chain = part.n, part.digest, sha256(incoming.chain .. part.digest)
  end
  local taken = incoming
  if not part.isLast then return taken.chain end
  for name, value in pairs(taken.states) do
    if type(name) ~= "string" or type(value) ~= "table" then error(bad("the state " .. tostring(name) .. " is not a table")) end
  end
  return taken.chain, taken
end

--- Called after the last part was imported.
function parts.finish()
  incoming = nil
end

return parts
