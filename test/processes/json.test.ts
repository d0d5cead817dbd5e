import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { luaString } from "../../src/bundler/index.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { type Aos, boot } from "./aos.ts";
import { COUNTER } from "./programs.ts";

let p: Aos;

beforeAll(async () => {
  p = await boot("counter", { source: COUNTER });
}, 60_000);

/** Parses each text in Lua and serializes it again; an unreadable text is `!` and the reason. */
async function throughLua(texts: readonly string[]): Promise<string[]> {
  const result = await p.eval(`
    local out = {}
    for _, text in ipairs(require("json").decode(${luaString(JSON.stringify(texts))})) do
      local value, problem = Fleet.json.decode(text)
      out[#out + 1] = problem and "!" .. problem or Fleet.json.encode(value)
    end
    return require("json").encode(out)`);
  if (result.error !== undefined) throw new Error(result.error);
  return JSON.parse(result.output) as string[];
}

/** Lua's nil is omitted, and strings sort by bytes. */
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("leaf"), tie("list"), tie("map")),
  leaf: fc.oneof(
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary-ascii" }),
    fc.constantFrom("", "\u0000", "\u007f", '"\\/\b\f\n\r\t', "é€😀", "__pairs", "1", "\u2028"),
  ),
  list: fc.array(tie("any"), { maxLength: 5 }),
  map: fc.dictionary(fc.string({ unit: "grapheme-ascii", maxLength: 8 }), tie("any"), {
    maxKeys: 5,
    noNullPrototype: true,
  }),
})).any;

test("parsed JSON is written as the canonical JSON of the TypeScript side, byte for byte", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 20, maxLength: 40 }), async (values) => {
      const texts = values.map((each) => JSON.stringify(each));
      expect(await throughLua(texts)).toEqual(values.map(canonicalJson));
    }),
    { numRuns: 30 },
  );
}, 120_000);

test("numbers are written as in ECMAScript", async () => {
  const numbers = [
    0,
    1,
    -1,
    0.1,
    1e21,
    1e20,
    123456789012345680000,
    1e-6,
    1e-7,
    1.5e-10,
    5e-324,
    1.7976931348623157e308,
    2 ** 53,
    -(2 ** 53),
    1 / 3,
    1e100,
    0.000001234,
  ];
  expect(await throughLua(numbers.map((n) => n.toExponential(20)))).toEqual(
    numbers.map((n) => JSON.stringify(n)),
  );
  expect(await throughLua(["9223372036854775807", "-9223372036854775808"])).toEqual([
    "9223372036854775807",
    "-9223372036854775808",
  ]);
});

test.each([
  "",
  " ",
  "{",
  "[",
  '"',
  "[1,",
  "[1,]",
  "{,}",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  "{a:1}",
  "01",
  "1.",
  ".5",
  "+1",
  "1e",
  "0x1",
  "1e999",
  "-",
  "nul",
  "NaN",
  "Infinity",
  "'a'",
  '"\u0001"',
  '"\\x"',
  '"\\u12"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  "[1]x",
  "[]]",
  "{}{}",
  `${"[".repeat(65)}${"]".repeat(65)}`,
])("%j is refused with its place", async (text) => {
  expect((await throughLua([text]))[0]).toMatch(/^!byte \d+: /);
});

test("accepts 64 levels, white space and null", async () => {
  const deep = `${"[".repeat(64)}${"]".repeat(64)}`;
  expect(await throughLua([deep, ' { "a" : [ 1 , null ] , "b" : null } ', "{}", "[]", '{"a":{}}'])).toEqual([
    deep,
    '{"a":[1]}',
    "{}",
    "[]",
    '{"a":{}}',
  ]);
});

test("sha256 is correct at every length around a block and for any bytes", async () => {
  const texts = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000].map((n) => "é".repeat(n).slice(0, n));
  for (const text of texts) expect(await p.value(`Fleet.sha256(${luaString(text)})`)).toBe(sha256(text));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }), { minLength: 20, maxLength: 20 }),
      async (random) => {
        const result = await p.eval(
          `local out = {} for i, s in ipairs(require("json").decode(${luaString(JSON.stringify(random))})) do out[i] = Fleet.sha256(s) end return table.concat(out, " ")`,
        );
        expect(result.output.split(" ")).toEqual(random.map(sha256));
      },
    ),
    { numRuns: 5 },
  );
}, 60_000);
