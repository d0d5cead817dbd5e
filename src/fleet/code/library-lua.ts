/**
 * A Lua expression: the library's table, or nil. A program may have assigned the global `Fleet`, or guard its globals against undefined
 * names, so the global is only read for a library of 0.1.0, which has no other place, and past any metatable.
 */
export const LIBRARY_LUA =
  '(function() local l = package.loaded[".fleet-library"] l = l and l.fleet or rawget(_G, "Fleet") ' +
  'if type(l) == "table" and type(rawget(l, "guard")) == "function" then return l end end)()';
