---@meta json
-- The module `json` of aos, for editors (LuaLS). Nothing loads this file.

---@class json
local json = {}

---@param value any
---@return string
function json.encode(value) end

---@param text string
---@return any
function json.decode(text) end

return json
