import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readWasm } from "../../src/bundler/index.ts";
import { imageBytes } from "../kit/images.ts";

/** A WebAssembly binary is read for its exports and its kind of memory, without being compiled. */

/** (module (memory <limits>) (export "handle" (func …))), assembled by hand. */
const small = (limits: readonly number[]): Uint8Array => {
  const name = [...Buffer.from("handle")];
  const memory = [1, ...limits];
  const exported = [1, name.length, ...name, 0, 0];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[5, memory.length, ...memory],
    ...[7, exported.length, ...exported],
  ]);
};

describe("real images", () => {
  test.each([
    ["aos2_0_6.wasm", true],
    ["aos2_0_4_32.wasm", false],
    ["sqlite.wasm", true],
  ])("%s: 64-bit %s, exports handle", (name, is64) => {
    const facts = readWasm(imageBytes(name));
    expect(facts?.is64).toBe(is64);
    expect(facts?.exports).toContain("handle");
  });
});

test.each([
  ["32-bit", [0, 1], false],
  ["32-bit with a maximum", [1, 1, 0x80, 0x02], false],
  ["64-bit", [4, 1], true],
  ["64-bit with a maximum", [5, 1, 2], true],
])("recognizes a memory that is %s", (_, limits, is64) => {
  expect(readWasm(small(limits))).toEqual({ is64, exports: ["handle"] });
});

test("recognizes what is not a module and what is cut, and never throws", () => {
  expect(readWasm(new Uint8Array())).toBeUndefined();
  expect(readWasm(Buffer.from("print('hello')"))).toBeUndefined();
  const whole = small([4, 1]);
  // A cut between two sections leaves a shorter module.
  for (let length = 0; length < whole.length; length += 1)
    expect(readWasm(whole.subarray(0, length))?.exports ?? []).toEqual([]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      readWasm(Uint8Array.from([...whole.subarray(0, 8), ...bytes]));
    }),
    { numRuns: 2000 },
  );
});
