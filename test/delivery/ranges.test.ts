import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { movedRanges, ownedRanges } from "../../src/delivery/index.ts";

const table = (salt: string, ...routes: [string, number][]) => ({
  salt,
  routes: routes.map(([processId, weightBp]) => ({ processId, weightBp })),
});
const ownerOf = (placed: ReturnType<typeof table>, bucket: number) =>
  ownedRanges(placed).find(({ keys }) => bucket >= keys.from && bucket < keys.to)?.processId;

describe("keys that move", () => {
  it("are those between the shares, up and down", () => {
    const [tenth, half] = [table("r", ["g", 1000], ["b", 9000]), table("r", ["g", 5000], ["b", 5000])];
    expect(movedRanges(tenth, half)).toEqual([
      { from: "b", to: "g", keys: { salt: "r", from: 1000, to: 5000 } },
    ]);
    expect(movedRanges(half, tenth)).toEqual([
      { from: "g", to: "b", keys: { salt: "r", from: 1000, to: 5000 } },
    ]);
    expect(movedRanges(half, half)).toEqual([]);
  });

  it("are counted by the salt of the table that splits", () => {
    const whole = table("old", ["b", 10_000]);
    const split = table("new", ["g", 1], ["b", 9999]);
    expect(movedRanges(whole, split)).toEqual([
      { from: "b", to: "g", keys: { salt: "new", from: 0, to: 1 } },
    ]);
    expect(movedRanges(split, whole)).toEqual([
      { from: "g", to: "b", keys: { salt: "new", from: 0, to: 1 } },
    ]);
    expect(() => movedRanges(table("old", ["a", 1], ["b", 9999]), split)).toThrow("SALTS_DIFFER");
  });

  it("lead every bucket to the process of the other table (property)", () => {
    const cut = fc.integer({ min: 0, max: 10_000 });
    const ends = fc.tuple(cut, cut, fc.constantFrom("a", "b", "c"), fc.constantFrom("a", "b", "c"));
    fc.assert(
      fc.property(ends, cut, ([one, other, p, q], bucket) => {
        fc.pre(p !== q && bucket < 10_000);
        const [before, after] = [
          table("r", [p, one], [q, 10_000 - one]),
          table("r", [q, other], [p, 10_000 - other]),
        ];
        const moved = movedRanges(before, after).find(({ keys }) => bucket >= keys.from && bucket < keys.to);
        const [had, gets] = [ownerOf(before, bucket), ownerOf(after, bucket)];
        expect(moved ? [moved.from, moved.to] : [had, had]).toEqual([had, gets]);
      }),
    );
  });
});
