-- The environment of the fleet's library: a program may replace a global function, guard its globals with a metatable or assign `Fleet`
-- without breaking the library that loads it. The functions are those of the first load, which runs before any program of the fleet. Other
-- globals, such as `ao` and `Handlers`, are read and written as they are, past the metatable of `_G`.
-- `package.loaded[".fleet-library"]` keeps it for the next load, and for the guards around a bundle.
local function environment()
local loaded = package.loaded
local kept = loaded[".fleet-library"]
if kept == nil then
local earlier = rawget(_G, "Fleet")
local isLibrary = type(earlier) == "table" and type(rawget(earlier, "store")) == "table" and type(rawget(earlier, "guard")) == "function"
kept = { env = {}, fleet = isLibrary and earlier or {} }
for _, name in next, { "_G", "assert", "coroutine", "debug", "error", "getmetatable", "ipairs", "load", "math", "next", "os", "package", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable", "tonumber", "tostring", "type", "utf8", "xpcall" } do
kept.env[name] = rawget(_G, name)
end
for _, name in next, { "string", "table" } do
kept.env[name] = {}
for key, value in next, rawget(_G, name) do kept.env[name][key] = value end
end
local globals, get, set = _G, rawget, rawset
setmetatable(kept.env, {
__index = function(_, name) return get(globals, name) end,
__newindex = function(_, name, value) set(globals, name, value) end,
})
loaded[".fleet-library"] = kept
end
rawset(kept.env, "Fleet", kept.fleet)
if rawget(_G, "Fleet") == nil then rawset(_G, "Fleet", kept.fleet) end
return kept.env
end
