/**
 * A Lua expression: the id of the message whose Eval runs the code, or nil. aos does not give an Eval its message, but it is a local of
 * the handler that called it. The Lua of lua@5.3a shows no locals; there, the fleet's module keeps the id (`lua53/process.lua`).
 */
const EVAL_ID_LUA =
  "(function() local d = rawget(_G, 'debug') if type(d) ~= 'table' or type(d.getinfo) ~= 'function' or type(d.getlocal) ~= 'function' then return package.loaded['.fleet-message'] end " +
  "for l = 2, 24 do if not d.getinfo(l, 'l') then return nil end for n = 1, 60 do local k, v = d.getlocal(l, n) " +
  "if k == nil then break end if type(v) == 'table' and type(rawget(v, 'Id')) == 'string' and type(rawget(v, 'Tags')) == 'table' " +
  "and rawget(v, 'Owner') ~= nil then return rawget(v, 'Id') end end end end)()";

/**
 * Lua statements that end a load which this process has evaluated before, with a result in its place; `__i` is the id of its message, and
 * `__l` the ids of earlier loads, which no global holds.
 *
 * @param result a Lua expression
 */
export const repeatGuard = (result: string): string =>
  ` local __i, __l = ${EVAL_ID_LUA}, package.loaded[".fleet-loads"] or {} if __i and __l[__i] then return ${result} end`;
