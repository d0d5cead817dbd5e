/**
 * A Lua expression: the id of the message whose Eval runs the code, or nil. aos does not give an Eval its message, but it is a local of
 * the handler that called it.
 */
export const EVAL_ID_LUA =
  "(function() for l = 2, 24 do if not debug.getinfo(l, 'l') then return nil end for n = 1, 60 do local k, v = debug.getlocal(l, n) " +
  "if k == nil then break end if type(v) == 'table' and type(rawget(v, 'Id')) == 'string' and type(rawget(v, 'Tags')) == 'table' " +
  "and rawget(v, 'Owner') ~= nil then return rawget(v, 'Id') end end end end)()";
