/** The Lua router against the reference, in the real evaluator, and T1: shares, stickiness and growth of 10,000 senders. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type Aos, boot } from "../processes/aos.ts";
import { rngOf } from "../simnet/rng.ts";
import { bucket } from "./reference.ts";
import { expected, traceOf } from "./trace.ts";

/** The number of traces in this run. All 100,000 take minutes: `ROUTER_TRACES=100000 npx vitest run test/router/traces.test.ts`. */
const TRACES = Number(process.env.ROUTER_TRACES ?? 2_000);
const BATCH = 1_000;
let router: Aos;

beforeAll(async () => {
  const source = await readFile(join(import.meta.dirname, "traces.lua"), "utf8");
  router = await boot("router-traces", { source });
}, 60_000);

async function lines(fn: string, argument: unknown): Promise<string[]> {
  const { output, error } = await router.eval(`return ${fn}([==[${JSON.stringify(argument)}]==])`);
  if (error !== undefined) throw new Error(error);
  return output.split("\n");
}

test(
  `${TRACES} random traces end as in the reference`,
  async () => {
    const { next } = rngOf(20_251_125);
    const kinds = new Map<string, number>();
    for (let done = 0; done < TRACES; done += BATCH) {
      const traces = Array.from({ length: BATCH }, () => traceOf(next));
      const got = await lines("TRACES", traces);
      expect(got).toHaveLength(BATCH);
      traces.forEach((trace, i) => {
        const line = expected(trace);
        if (got[i] !== line)
          throw new Error(`${JSON.stringify(trace)}\n  Lua:       ${got[i]}\n  reference: ${line}`);
        for (const word of line.split(" ")[0]?.split(",") ?? []) {
          const kind = /^\d+$/.test(word) ? "routed" : word;
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        }
      });
    }
    console.log(
      [...kinds]
        .sort(([, a], [, b]) => b - a)
        .map(([kind, n]) => `${kind} ${n}`)
        .join(", "),
    );
    // The comparison means something only if every kind occurred.
    for (const kind of [
      "routed",
      "rollout",
      "steady",
      "held",
      "again",
      "STALE_STEP",
      "UNBALANCED_TABLE",
      "UNPROVEN_TARGET",
      "NO_PROVEN_TABLE",
      "NO_ROLLOUT",
    ])
      expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(TRACES / 200);
  },
  Math.max(120_000, TRACES * 40),
);

test("T1: 10,000 senders at each share are ± 1 %, sticky, and only ever move to green", async () => {
  const shares = [0, 100, 500, 1000, 2500, 5000, 9900, 10_000];
  const callers = 10_000;
  const ask = { shares, callers, salt: "release-7", prefix: "player-" };
  const rows = await lines("CALLERS", ask);
  const figures = rows.map((row, i) => {
    const share = shares[i] ?? 0;
    const green = [...row].filter((letter) => letter === "g").length;
    const wrong = [...row].filter(
      (letter, n) => (letter === "g") !== bucket(`player-${n + 1}`, "release-7") < share,
    ).length;
    return { share: share / 100, green: (100 * green) / callers, wrong };
  });
  console.log(figures.map(({ share, green }) => `${share} % → ${green.toFixed(2)} %`).join(", "));
  for (const { share, green, wrong } of figures) {
    expect(Math.abs(green - share), `${share} %`).toBeLessThanOrEqual(1);
    expect(wrong).toBe(0);
  }
  expect([figures[0]?.green, figures.at(-1)?.green]).toEqual([0, 100]);
  // A sender with green at one share has it at every larger one.
  for (let i = 1; i < rows.length; i += 1) {
    const lost = [...(rows[i - 1] ?? "")].filter(
      (letter, n) => letter === "g" && rows[i]?.[n] !== "g",
    ).length;
    expect(lost, `from ${shares[i - 1]} to ${shares[i]}`).toBe(0);
  }
  // Asked again, it answers the same.
  expect(await lines("CALLERS", { ...ask, shares: [500] })).toEqual([rows[2]]);
}, 120_000);

test("T2: 1,000 requests in progress during a full switch: none is lost, doubled or mixed up", async () => {
  const { output, error } = await router.eval("return FLIGHT(1000)");
  expect(error).toBeUndefined();
  const result = JSON.parse(output) as Record<string, number> & { blue: number; green: number };
  console.log(output);
  expect(result).toMatchObject({ sent: 1000, lost: 0, doubled: 0, mixed: 0, open: 0 });
  expect(result.steps).toEqual(["steady", "rollout", "rollout"]);
  expect(result.blue + result.green).toBe(1000);
  expect(Math.abs(result.green - 500)).toBeLessThan(60);
}, 120_000);
