import { describe, expect, test } from "vitest";
import { UNKNOWN } from "../../providers/run/inputs.ts";
import { explainNewProcesses, explainStranded } from "../../providers/traffic/explain-changes.ts";
import { refreshedFromRouter, tableDrift } from "../../providers/traffic/rollout-progress.ts";
import type { TrafficOutputs } from "../../providers/traffic/schema.ts";
import type { Phase } from "../../src/delivery/phase.ts";
import type { Table, TrafficState } from "../../src/delivery/wire.ts";

const [BLUE, GREEN] = ["b".repeat(43), "g".repeat(43)];
const table = (release: string, step: number, green: number, mode: Table["mode"], at: number): Table => ({
  ...{ release, step, mode, at, salt: "s" },
  services: {
    quote: {
      key: "sender",
      routes: [
        { processId: GREEN, revision: "new", weightBp: green },
        { processId: BLUE, revision: "old", weightBp: 10_000 - green },
      ],
    },
  },
});
const proven = table("r1", 3, 0, "steady", 100);
const half = table("r2", 2, 6000, "rollout", 200);
const left = (phase: Phase, at: Table) =>
  ({
    phase,
    table: at,
    step: at.step,
    active: { quote: GREEN },
    slot: 7,
    drift: [],
  }) as unknown as TrafficOutputs;
const state = (now: Table, reverted?: TrafficState["reverted"]): TrafficState => ({
  ...{ table: now, proofs: {}, serial: 1, epoch: 1, at: 900 },
  ...(reverted ? { reverted } : {}),
});
const reverted = { release: "r2", step: 2, why: "lease" as const, at: 300 };

test.each([
  ["another release", "r3", "stranded", true],
  ["the same release", "r2", "stranded", false],
  ["another release over a gate", "r3", "gate", false],
] as const)(
  "a plan of %s says what can be done about state that cannot go back: %s, %s",
  (_what, release, code, isSaid) => {
    const held = { ...table("r2", 2, 10_000, "held", 200), holdCode: code, reason: "x" };
    const said = explainStranded({ table: held }, { release });
    expect(said).toHaveLength(isSaid ? 1 : 0);
    if (isSaid) {
      expect(said[0]).toMatch(
        /^release r2, step 2 is held because its state cannot go back: this run tries once more/,
      );
      for (const way of ["with a fix", "npx fleet promote", "npx fleet abort"])
        expect(said[0]).toContain(way);
    }
  },
);

test("a plan says that it takes nothing over if a service returns to the revision that cannot take the state", () => {
  const held = { ...table("r2", 2, 10_000, "held", 200), holdCode: "stranded", reason: "x" };
  const said = (processId: string, state: string, at = held) =>
    explainStranded(
      { table: at },
      { release: "r1", services: { quote: { state, green: { processId } } } },
    )[0];
  expect(said(BLUE, "owned")).toContain("otherwise changes nothing, because this release returns quote");
  expect(said(BLUE, "owned")).not.toContain("takes the state over");
  expect(said(BLUE, "owned")).toContain("npx fleet promote and a run of release r2");
  for (const other of [said(BLUE, "none"), said("c".repeat(43), "owned"), said(UNKNOWN, "owned")])
    expect(other).toContain("otherwise takes the state over from there");
  // Its state is back already: another service is stuck.
  const back = { ...held, services: table("r2", 2, 0, "held", 200).services };
  expect(said(BLUE, "owned", back)).toContain("otherwise takes the state over from there");
});

describe("a plan with new code names every revision that loses traffic", () => {
  const [first, second, third] = ["a", "b", "c"].map((one) => one.repeat(64)) as [string, string, string];
  const coming = (shares: Readonly<Record<string, number>>, wanted: string, code: string) => {
    const routes = Object.entries(shares).map(([revision, weightBp]) => ({
      ...{ revision, weightBp },
      processId: revision.slice(0, 43),
    }));
    const green = { processId: wanted.slice(0, 43), sourceHash: wanted };
    const olds = {
      services: { quote: { green } },
      table: { services: { quote: { key: "sender", routes } } },
    } as unknown as TrafficOutputs;
    return explainNewProcesses(olds, { services: { quote: UNKNOWN }, code: { quote: code } });
  };
  test.each([
    [
      "both halves of a split",
      { [second]: 5000, [first]: 5000 },
      third,
      "bbbbbbbb (50 %) and aaaaaaaa (50 %)",
    ],
    ["a single one", { [second]: 10_000, [first]: 0 }, third, "bbbbbbbb"],
    [
      "the other half, if the code is that of one of them",
      { [second]: 5000, [first]: 5000 },
      first,
      "bbbbbbbb (50 %)",
    ],
    [
      "the one with the traffic after an abort, and not the wanted one",
      { [first]: 10_000 },
      third,
      "aaaaaaaa",
    ],
  ])("%s", (_, shares, code, from) => {
    expect(coming(shares, second, code)).toEqual([`quote moves from ${from} to ${code.slice(0, 8)}`]);
  });
});

test.each([
  [
    "a lease that ended returned the traffic",
    "TRAFFIC_SWITCHING",
    state(proven, reverted),
    "ROLLED_BACK",
    BLUE,
  ],
  ["an abort returned it", "HELD", state(proven, { ...reverted, why: "abort" }), "ROLLED_BACK", BLUE],
  ["a lease that ended held the table", "MONITORING", state({ ...half, mode: "held" }), "HELD", GREEN],
] as const)("%s: a refresh records it, and does not report drift", (_, phase, now, then, active) => {
  const found = refreshedFromRouter(left(phase, half), now);
  expect(found).toMatchObject({
    phase: then,
    table: now.table,
    step: now.table?.step,
    active: { quote: active },
  });
  expect(tableDrift(found, now)).toEqual([]);
  expect(refreshedFromRouter(found, now)).toEqual(found);
});

test.each([
  ["the table has not changed", "HELD", state({ ...half, mode: "held" })],
  ["the rollout was over", "COMPLETED", state(proven, reverted)],
  ["somebody else set the table", "HELD", state(table("by-hand", 1, 100, "steady", 400), reverted)],
  ["the router has no table", "HELD", { ...state(half), table: undefined }],
] as const)("a refresh records nothing if %s", (_, phase, now) => {
  const props = left(phase, half);
  expect(refreshedFromRouter(props, now as TrafficState)).toBe(props);
});
