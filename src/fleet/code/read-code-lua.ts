/** Lua code that reads the running code of a member without the library. */
import { luaString } from "../../bundler/index.ts";

/**
 * Lua on one line: adds the running code to a JSON object as lines `<kind> <sum> <name>`: handlers in their order, then functions that
 * were defined by Evals: global ones, and those in global tables and loaded modules. The sum covers a function's bytecode and the
 * functions in its upvalues, because aos wraps handlers; a function that the program registers again has the same sum.
 */
export const READ_CODE_LUA = String.raw`(function(m)
local list, found, names = {}, {}, {}
local function sum(s) local h = 5381 for i = 1, #s do h = h * 33 + s:byte(i) end return string.format('%x', h) end
local function walk(v, d, texts, seen, out)
if seen[v] then return end
seen[v] = true
local ok, code = pcall(string.dump, v, true)
out[#out + 1] = ok and code or tostring(v)
for i = 1, d < 3 and 60 or 0 do
local n, u = debug.getupvalue(v, i)
if n == nil then break end
if type(u) == 'function' then walk(u, d + 1, texts, seen, out) elseif texts and type(u) == 'string' then out[#out + 1] = u end
end
end
local function of(v, d, texts)
if type(v) == 'function' then local out = {} walk(v, 0, texts, {}, out) return sum(table.concat(out)) end
if type(v) ~= 'table' then return sum(tostring(v)) end
if d > 4 then return '' end
local p = {} for k, e in next, v do p[#p + 1] = tostring(k) .. '=' .. of(e, d + 1, texts) end
table.sort(p) return sum(table.concat(p, ','))
end
local function put(kind, v, name)
list[#list + 1] = '"' .. (kind .. ' ' .. v .. ' ' .. name):gsub('[%c"\\\128-\255]', function(c) return string.format('\\u%04x', c:byte()) end) .. '"'
end
local function take(prefix, t)
local n = 0
for k, v in next, t do
n = n + 1
if n > 5000 then return end
if type(k) == 'string' and type(v) == 'function' and debug.getinfo(v, 'S').source == 'aos' then found[prefix .. k] = v end
end
end
for _, h in ipairs(Handlers.list) do
local n = tostring(h.name)
if n:sub(1, 1) ~= '_' then put('HANDLER', of(h.pattern, 0, true) .. '.' .. of(h.handle, 0), n) end
end
take('', _G)
for _, t in ipairs({ _G, package.loaded }) do
for k, v in next, t do if type(k) == 'string' and type(v) == 'table' and v ~= _G then take(k .. '.', v) end end
end
for k in next, found do names[#names + 1] = k end
table.sort(names)
for _, k in ipairs(names) do put('FUNCTION', (of(found[k], 0)), k) end
return m:sub(1, -2) .. ',"code":[' .. table.concat(list, ',') .. ']}'
end)`.replaceAll("\n", " ");

/** An Eval that reads the running code and changes nothing: the health check of such a member. Pure. */
export const readCodeEval = (nonce: string): string =>
  `return ${READ_CODE_LUA}(${luaString(JSON.stringify({ fleet: "alive", nonce }))})`;

/** Whether an Eval is exactly such a read: compares the whole code, because any code could carry a tag. Pure. */
export function isReadCodeEval(data: string): boolean {
  const nonce = /([0-9a-f]{24})\W*$/.exec(data)?.[1];
  return nonce !== undefined && data === readCodeEval(nonce);
}
