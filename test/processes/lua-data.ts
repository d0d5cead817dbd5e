/** Random plain data as Lua, and how two values are compared. */
import fc from "fast-check";

/** Compares two values as Lua sees them: kinds of numbers, NaN, and which places share a table. */
export const SAME = `
local function same(a, b, seen)
  if type(a) ~= type(b) or math.type(a) ~= math.type(b) then return false end
  if type(a) == "number" then return (a ~= a and b ~= b) or (a == b and 1 / a == 1 / b) end
  if type(a) ~= "table" then return a == b end
  if seen[a] or seen[b] then return seen[a] == b and seen[b] == a end
  seen[a], seen[b] = b, a
  if getmetatable(a) ~= getmetatable(b) then return false end
  for k, v in next, a do if not same(v, rawget(b, k), seen) then return false end end
  for k in next, b do if rawget(a, k) == nil then return false end end
  return true
end`;

const bytes = fc
  .uint8Array({ maxLength: 12 })
  .map((list) => `"${[...list].map((n) => `\\x${n.toString(16).padStart(2, "0")}`).join("")}"`);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }).map((s) =>
    JSON.stringify(s)
      .replace(/\\u([0-9a-f]{4})/g, "\\u{$1}")
      .replaceAll("\\/", "/"),
  ),
  fc.constantFrom(
    '"__ref"',
    '"__pairs"',
    '"__int"',
    '"__nil"',
    '""',
    '"1"',
    '"true"',
    '"\\u{1F600}"',
    '"\\u{FFFD}"',
  ),
);
const float = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => {
  const hex = Object.is(n, -0) ? "-0.0" : n.toExponential();
  return `(${hex.includes("e") && !hex.includes(".") ? hex.replace("e", ".0e") : hex})`;
});
const integer = fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }).map((n) => `(${n})`);
export const scalar = fc.oneof(
  fc.integer().map((n) => `(${n})`),
  integer,
  float,
  text,
  bytes,
  fc.constantFrom(
    "true",
    "false",
    "math.huge",
    "-math.huge",
    "(0/0)",
    "math.mininteger",
    "5.0",
    "1e300",
    "-0.0",
  ),
);
const key = fc.oneof(
  text,
  bytes,
  fc.integer({ min: -3, max: 5 }).map((n) => `(${n})`),
  fc.constantFrom("true", "false", "1.5", "math.huge", "math.maxinteger", "2.0^60 + 0.5"),
);
/** Lua that fills `t`, a list of tables, with random references to each other. */
export const tables = fc.integer({ min: 1, max: 6 }).chain((count) =>
  fc
    .array(
      fc.record({
        at: fc.integer({ min: 1, max: count }),
        key,
        value: fc.oneof(
          { weight: 3, arbitrary: scalar },
          { weight: 2, arbitrary: fc.integer({ min: 1, max: count }).map((n) => `t[${n}]`) },
          { weight: 1, arbitrary: fc.constant("{}") },
          { weight: 1, arbitrary: fc.integer({ min: -9, max: 9 }).map((n) => `bint(${n})`) },
        ),
      }),
      { maxLength: 20 },
    )
    .map((sets) => [
      `local bint = require(".bint")(256) local t = {} for i = 1, ${count} do t[i] = {} end`,
      ...sets.map(({ at, key: k, value }) => `t[${at}][${k}] = ${value}`),
    ]),
);
