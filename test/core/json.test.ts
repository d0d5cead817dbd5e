import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, hashOf, sha256 } from "../../src/core/hash.ts";
import { compareNumbers, isExactNumber, numberOf, parseJson, rounded, valueAt } from "../../src/core/json.ts";

const BIG = "9007199254740993";

describe("keeps every digit", () => {
  test.each([
    BIG,
    "-9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "340282366920938463463374607431768211455",
    "1000000000000000000000",
    "0.12345678901234567890123",
    "1e400",
    "-1E+999",
  ])("%s", (number) => {
    const text = `{"a":[${number}],"b":"${number}"}`;
    expect(JSON.stringify(parseJson(text))).toBe(text);
    expect(canonicalJson(parseJson(text))).toBe(text);
    expect(sha256(text)).toBe(hashOf(parseJson(text)));
  });

  test("reads a number that fits a double as JSON.parse does", () => {
    const text =
      '[0,-0,1,9007199254740991,9007199254740992,9007199254740994,1.5,0.1,1e3,1e300,5e-324,1.7976931348623157e308,"9007199254740993"]';
    expect(parseJson(text)).toEqual(JSON.parse(text));
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(rounded(parseJson(json))).toEqual(JSON.parse(json));
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (integer) => {
        expect(canonicalJson(parseJson(String(integer)))).toBe(String(integer));
        expect(numberOf(parseJson(String(integer)))).toBe(Number(integer));
      }),
    );
  });

  test("rejects what is not JSON", () => {
    for (const text of ["", `{"a":${BIG}`, `0${BIG}`, "nil"])
      expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});

test("exact numbers are compared by all their digits", () => {
  const big = parseJson(BIG);
  expect(isExactNumber(big)).toBe(true);
  expect(isExactNumber({ rawJSON: BIG })).toBe(false);
  expect(compareNumbers(big, 9007199254740992)).toBeGreaterThan(0);
  expect(compareNumbers(9007199254740994, big)).toBeGreaterThan(0);
  expect(compareNumbers(big, parseJson(BIG))).toBe(0);
  expect(compareNumbers(big, 1.5)).toBeGreaterThan(0);
  expect(compareNumbers(1, 2)).toBeLessThan(0);
  expect(compareNumbers(big, BIG)).toBeUndefined();
  expect(compareNumbers(undefined, 1)).toBeUndefined();
});

test("a path that leads nowhere has no value", () => {
  const data = { a: [{ b: 1 }], c: "text", d: null };
  expect(valueAt(data, [])).toBe(data);
  expect(valueAt(data, ["a", 0, "b"])).toBe(1);
  for (const path of [["a", 1, "b"], ["c", "length"], ["d", "e"], ["f"], ["constructor"], ["a", "map"]])
    expect(valueAt(data, path)).toBeUndefined();
});
