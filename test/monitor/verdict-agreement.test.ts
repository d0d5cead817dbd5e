import { beforeAll, expect, test } from "vitest";
import { luaString } from "../../src/bundler/index.ts";
import { LIMITS } from "../../src/monitor/limits.ts";
import type { State } from "../../src/monitor/reading.ts";
import { countStates, overall, passes } from "../../src/monitor/verdict.ts";
import { type Aos, boot } from "../processes/aos.ts";

/** Number of processes that are HEALTHY, DEGRADED, UNHEALTHY, OFFLINE and UNKNOWN. */
type Counts = readonly [h: number, d: number, u: number, o: number, unknown: number];
type Verdict = readonly [state: string, passes: boolean];

/** Cases for the monitor's verdict and the admin process' twin. A third entry is the twin's, where the two differ: only for UNKNOWN. */
const cases: readonly (readonly [Counts, Verdict, Verdict?])[] = [
  [
    [0, 0, 0, 0, 0],
    ["UNHEALTHY", false],
  ],
  [
    [7, 0, 0, 0, 0],
    ["HEALTHY", true],
  ],
  [
    [75, 0, 0, 25, 0],
    ["UNHEALTHY", false],
  ],
  [
    [74, 0, 0, 26, 0],
    ["OFFLINE", false],
  ],
  [
    [95, 0, 0, 5, 0],
    ["HEALTHY", true],
  ],
  [
    [95, 0, 5, 0, 0],
    ["HEALTHY", true],
  ],
  [
    [94, 0, 6, 0, 0],
    ["UNHEALTHY", false],
  ],
  [
    [75, 25, 0, 0, 0],
    ["HEALTHY", false],
  ],
  [
    [74, 26, 0, 0, 0],
    ["DEGRADED", false],
  ],
  // Nobody could be read; nobody can be asked.
  [
    [0, 0, 0, 0, 7],
    ["UNKNOWN", false],
  ],
  // One that was not read is not known to be healthy; one that can never be asked is left out.
  [
    [6, 0, 0, 0, 1],
    ["HEALTHY", false],
    ["HEALTHY", true],
  ],
  [
    [5, 0, 0, 0, 2],
    ["UNKNOWN", false],
    ["HEALTHY", true],
  ],
  [
    [0, 0, 1, 0, 6],
    ["UNKNOWN", false],
    ["UNHEALTHY", false],
  ],
  // The shares of a state are of the others, in both.
  [
    [20, 0, 0, 7, 5],
    ["OFFLINE", false],
  ],
  [
    [20, 7, 0, 0, 5],
    ["DEGRADED", false],
  ],
];

const statesOf = ([h, d, u, o, unknown]: Counts): (State | "UNKNOWN")[] => [
  ...Array<State>(h).fill("HEALTHY"),
  ...Array<State>(d).fill("DEGRADED"),
  ...Array<State>(u).fill("UNHEALTHY"),
  ...Array<State>(o).fill("OFFLINE"),
  ...Array<"UNKNOWN">(unknown).fill("UNKNOWN"),
];

let aos: Aos;
beforeAll(async () => {
  aos = await boot("plain", {
    source: 'require("fleet").process { name = "plain" }\nVerdict = require("monitor.verdict")',
  });
}, 60_000);

test("the admin process judges a fleet as the monitor does, except for processes that it can never ask", async () => {
  const { output, error } = await aos.eval(`
    local json, out = Fleet.json, {}
    for i, states in ipairs(json.decode(${luaString(JSON.stringify(cases.map(([counts]) => statesOf(counts))))})) do
      local counts = Verdict.count(states)
      out[i] = { Verdict.overall(counts), Verdict.passes(counts) }
    end
    return json.encode(out)`);
  expect(error).toBeUndefined();
  expect(JSON.parse(output)).toEqual(cases.map(([, monitor, admin = monitor]) => admin));
});

test.each(cases.map(([counts, verdict]) => [counts, verdict] as const))(
  "%j of the monitor's readings are %j",
  (counts, [state, passed]) => {
    const counted = countStates(statesOf(counts));
    expect([overall(counted, LIMITS), passes(counted, LIMITS)]).toEqual([state, passed]);
  },
);
