import { describe, expect, it, test } from "vitest";
import { binomialTail, fisher, mannWhitney, median, normalCdf } from "../../src/delivery/statistics.ts";

/** All ways to choose `k` of `n` places. */
function* choices(n: number, k: number, from = 0): Generator<number[]> {
  if (k === 0) yield [];
  else for (let i = from; i <= n - k; i += 1) for (const rest of choices(n, k - 1, i + 1)) yield [i, ...rest];
}

describe("Mann-Whitney", () => {
  test.each([
    [3, 4],
    [5, 5],
    [1, 6],
    [6, 2],
  ])("is exact for %i and %i values: the share of all arrangements with a U at least as large", (n, m) => {
    const arrangements = [...choices(n + m, m)].map((places) => {
      const own = new Set(places);
      const values = Array.from({ length: n + m }, (_, i) => i);
      const [first, second] = [values.filter((i) => !own.has(i)), values.filter((i) => own.has(i))];
      const u = second.reduce((sum, b) => sum + first.filter((a) => a < b).length, 0);
      return { first, second, u };
    });
    for (const { first, second, u } of arrangements) {
      const larger = arrangements.filter((other) => other.u >= u).length / arrangements.length;
      const got = mannWhitney(first, second);
      expect(got).toMatchObject({ u, method: "exact", effect: u / (n * m) });
      expect(got.p).toBeCloseTo(larger, 10);
    }
  });

  it("counts ties as a half, and agrees with 20,000 shuffles of the values", () => {
    const first = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...Array<number>(15).fill(5)];
    const second = [3, 4, 6, 7, 8, 9, 10, 11, ...Array<number>(15).fill(6)];
    const count = (a: readonly number[], b: readonly number[]) =>
      b.reduce((sum, y) => sum + a.filter((x) => x < y).length + a.filter((x) => x === y).length / 2, 0);
    const got = mannWhitney(first, second);
    expect(got).toMatchObject({ u: count(first, second), method: "normal" });
    // A weaker difference, whose p shuffling can measure.
    const weaker = second.map((value, i) => (i % 2 === 0 ? value - 2 : value));
    const { u, p } = mannWhitney(first, weaker);
    expect(p).toBeGreaterThan(0.01);
    const all = [...first, ...weaker];
    let [state, larger] = [1, 0];
    for (let trial = 0; trial < 20_000; trial += 1) {
      for (let i = all.length - 1; i > 0; i -= 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const j = Math.floor((state / 2 ** 32) * (i + 1));
        [all[i], all[j]] = [all[j] as number, all[i] as number];
      }
      if (count(all.slice(0, first.length), all.slice(first.length)) >= u) larger += 1;
    }
    expect(Math.abs(p - larger / 20_000)).toBeLessThan(0.015);
  });

  it("finds no difference in equal samples", () => {
    expect(mannWhitney([5, 5, 5], [5, 5, 5])).toMatchObject({ p: 1, effect: 0.5 });
    const same = Array.from({ length: 50 }, (_, i) => i);
    expect(mannWhitney(same, same).p).toBeGreaterThan(0.4);
  });

  it("is close to its exact value where the approximation starts", () => {
    const first = Array.from({ length: 20 }, (_, i) => i * 2);
    const second = Array.from({ length: 20 }, (_, i) => i * 2 + 13);
    const exact = mannWhitney(first, second);
    const approximate = mannWhitney([...first, -1], [...second, 100]);
    expect(exact.method).toBe("exact");
    expect(approximate.method).toBe("normal");
    expect(Math.abs(exact.p - approximate.p)).toBeLessThan(0.01);
  });
});

describe("shares", () => {
  it("follow the normal distribution", () => {
    expect(normalCdf(0)).toBeCloseTo(0.5, 7);
    expect(normalCdf(1.959964)).toBeCloseTo(0.975, 6);
    expect(normalCdf(-3.090232)).toBeCloseTo(0.001, 7);
  });

  it("sum the binomial tail", () => {
    expect(binomialTail(0, 10, 0.3)).toBe(1);
    expect(binomialTail(3, 3, 0.05)).toBeCloseTo(0.05 ** 3, 12);
    expect(binomialTail(5, 10, 0.5)).toBeCloseTo(638 / 1024, 10);
    expect([binomialTail(1, 5, 0), binomialTail(5, 5, 1)]).toEqual([0, 1]);
  });

  it("match Fisher's tea-tasting example: 3 of 4 cups right by chance in 17 of 70 arrangements", () => {
    expect(fisher({ events: 1, n: 4 }, { events: 3, n: 4 })).toBeCloseTo(17 / 70, 10);
    expect(fisher({ events: 0, n: 4 }, { events: 4, n: 4 })).toBeCloseTo(1 / 70, 10);
    expect(fisher({ events: 0, n: 9 }, { events: 0, n: 9 })).toBeCloseTo(1, 10);
  });

  it("have the right median", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
  });
});
