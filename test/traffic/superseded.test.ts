/** A release that is deployed over one whose state cannot return to the revision before, and a person who promotes that one. */
import { describe, expect, it } from "vitest";
import { callsOpen, handOverFailed } from "../../providers/traffic/hand-over-messages.ts";
import type { Wanted } from "../../providers/traffic/plan.ts";
import { raisedIn } from "../../providers/traffic/rollout-state.ts";
import { FleetError } from "../../src/core/errors.ts";
import { holdOf, type StrategyInput } from "../../src/delivery/index.ts";
import type { SetTraffic, Table } from "../../src/delivery/wire.ts";
import { BLUE, GREEN, Killed, Stage } from "./stage.ts";

const THIRD = "c".repeat(43);
const codeOf = (error: unknown) => (error instanceof FleetError ? error.code : error);
const weights = (stage: Stage) =>
  Object.fromEntries(
    (stage.router.table?.services.battle?.routes ?? []).map(({ processId, weightBp }) => [
      processId[0],
      weightBp,
    ]),
  );

const wantedOf = (
  stage: Stage,
  strategy: StrategyInput,
  state: "owned" | "partitioned",
  [release, processId]: readonly [string, string],
): Wanted => {
  const battle = {
    ...{ key: "sender", state },
    blue: { processId: BLUE, sourceHash: "old" },
    green: { processId, sourceHash: processId === BLUE ? "old" : "new" },
  };
  return stage.wanted(strategy, { release, services: { battle } });
};
const INSTANT: StrategyInput = { trafficStrategy: "INSTANT" };
const HALVES: StrategyInput = { steps: [{ weightBp: 5000 }, { weightBp: 10_000 }] };

/** Release r2 failed, and its state cannot go back to the revision before. */
async function stranded(strategy: StrategyInput, state: "owned" | "partitioned"): Promise<Stage> {
  const stage = new Stage().steady();
  stage.behaviours[GREEN] = { errorRate: 0.5 };
  stage.takesNothing = BLUE;
  const { error, rollout } = await stage.run(wantedOf(stage, strategy, state, ["r2", GREEN]));
  expect([codeOf(error), rollout.progress.phase]).toEqual(["HANDOVER_FAILED", "HELD"]);
  for (const way of ["with a fix", "npx fleet promote", "npx fleet abort"])
    expect((error as Error).message).toContain(way);
  expect(rollout.progress.table).toMatchObject({ release: "r2", mode: "held", holdCode: "stranded" });
  stage.handed.splice(0);
  return stage;
}

describe("a new release over a rollout whose state cannot go back", () => {
  it("takes over its state, and returns to it if it fails", async () => {
    for (const isBad of [false, true]) {
      const stage = await stranded(INSTANT, "owned");
      if (isBad) stage.behaviours[THIRD] = { errorRate: 0.9 };
      const { error } = await stage.run(wantedOf(stage, INSTANT, "owned", ["r3", THIRD]));
      expect(codeOf(error)).toBe(isBad ? "ROLLED_BACK" : undefined);
      expect(stage.handed).toEqual(["battle g→b", "battle g→c", ...(isBad ? ["battle c→g"] : [])]);
      expect(weights(stage)).toEqual(isBad ? { g: 10_000 } : { c: 10_000, g: 0 });
      expect(stage.reported.map(({ detail }) => detail)).toContain(
        "the state of release r2, step 1 cannot go back, so this release replaces it: battle 100 % gggggggg",
      );
    }
  });

  it("gets all keys of a service that is split between the two", async () => {
    const stage = await stranded(HALVES, "partitioned");
    expect(weights(stage)).toEqual({ g: 5000, b: 5000 });
    const { error } = await stage.run(wantedOf(stage, HALVES, "partitioned", ["r3", THIRD]));
    expect(error).toBeUndefined();
    expect(stage.handed).toEqual([
      "battle g→b 0-5000",
      "battle b→g 5000-10000",
      "battle g→c 0-5000",
      "battle g→c 5000-10000",
    ]);
    expect(weights(stage)).toEqual({ c: 10_000, g: 0 });
  });

  it("starts from the revision before if that can take the state by then", async () => {
    const stage = await stranded(INSTANT, "owned");
    stage.takesNothing = undefined;
    expect((await stage.run(wantedOf(stage, INSTANT, "owned", ["r3", THIRD]))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle g→b", "battle b→c"]);
  });

  it("changes nothing while the hand-over only takes too long, or if it returns to the revision that cannot take the state", async () => {
    const stage = await stranded(INSTANT, "owned");
    const held = { release: "r2", mode: "held", holdCode: "stranded" };
    const back = await stage.run(wantedOf(stage, INSTANT, "owned", ["r1", BLUE]));
    expect([codeOf(back.error), stage.router.table]).toMatchObject(["HANDOVER_FAILED", held]);
    stage.handingFails = "slowly";
    const { error } = await stage.run(wantedOf(stage, INSTANT, "owned", ["r3", THIRD]));
    expect([codeOf(error), stage.router.table]).toMatchObject(["HANDOVER_FAILED", held]);
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });
});

describe("a new release over a rollout that nobody judged", () => {
  /** The deployer of r2 was killed after its switch. */
  const abandoned = async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.mode === "rollout") throw new Killed();
    };
    await stage.run(wantedOf(stage, INSTANT, "owned", ["r2", GREEN]));
    stage.before = () => {};
    return stage;
  };

  it("is held for a person if its state cannot go back, and replaced by the run after that", async () => {
    for (const ms of [0, 600_000]) {
      const stage = await abandoned();
      stage.pass(ms);
      stage.takesNothing = BLUE;
      const wanted = wantedOf(stage, INSTANT, "owned", ["r3", THIRD]);
      const { error, rollout } = await stage.run(wanted);
      expect([codeOf(error), (error as FleetError).transient]).toEqual(["HANDOVER_FAILED", false]);
      expect((error as Error).message).toContain("A release with a fix takes over its state");
      expect(rollout.progress).toMatchObject({
        phase: "HELD",
        table: { release: "r2", mode: "held", holdCode: "stranded" },
      });
      expect([stage.router.proven?.release, weights(stage)]).toEqual(["r1", { g: 10_000, b: 0 }]);
      expect((await stage.run(wanted)).error).toBeUndefined();
      expect(weights(stage)).toEqual({ c: 10_000, g: 0 });
    }
  });

  it("changes nothing while the hand-over only takes too long", async () => {
    const stage = await abandoned();
    stage.handingFails = "slowly";
    const { error } = await stage.run(wantedOf(stage, INSTANT, "owned", ["r3", THIRD]));
    expect([codeOf(error), (error as FleetError).transient]).toEqual(["HANDOVER_FAILED", true]);
    expect(stage.router.table).toMatchObject({ release: "r2", mode: "rollout" });
  });
});

it("a hand-over may succeed later if replies are open, and another run's epoch says nothing about state", () => {
  const failed = handOverFailed("battle", callsOpen("battle", 30), []);
  expect([failed.code, failed.transient]).toEqual(["HANDOVER_FAILED", true]);
  const stale = new FleetError({ code: "STALE_EPOCH", what: "stale", remedy: "none" });
  expect(handOverFailed("battle", stale, []).code).toBe("STALE_EPOCH");
});

it("a revision that the proven table has needs no other proof to get its share back", () => {
  const of = (weightBp: number): SetTraffic["services"] => ({
    chat: { key: "sender", routes: [{ processId: BLUE, revision: "old", weightBp }] },
  });
  const table = (release: string, weightBp: number) => ({ release, services: of(weightBp) }) as Table;
  const message = { release: "r2", step: 2, salt: "r2", services: of(10_000) };
  const state = (proven: Table) => ({ table: table("r2", 500), proven }) as Parameters<typeof raisedIn>[1];
  expect(raisedIn(message, state(table("r1", 10_000)))).toEqual({});
  expect(raisedIn(message, state(table("r1", 9000)))).toEqual({ [BLUE]: "old" });
});

it.each([false, true])(
  "a promotion from before the check failed does not complete a release whose state cannot go back (a router of version 0.1.0: %s)",
  async (isOld) => {
    const stage = new Stage().steady();
    if (isOld) stage.router.holdCodes = undefined;
    stage.behaviours[GREEN] = { errorRate: 0.5 };
    stage.takesNothing = BLUE;
    let isOpen = true;
    stage.before = (_message, kind) => {
      if (!isOpen || kind !== "read" || stage.router.table?.mode !== "rollout") return;
      isOpen = false;
      stage.router.say("promote", "ann");
    };
    const wanted = wantedOf(stage, INSTANT, "owned", ["r2", GREEN]);
    for (const _ of [1, 2]) {
      const { error } = await stage.run(wanted);
      // A further attempt of the same command would not wait for a person.
      expect([codeOf(error), (error as FleetError).transient]).toEqual(["HANDOVER_FAILED", false]);
      expect([stage.router.proven?.release, holdOf(stage.router.table)?.code]).toEqual(["r1", "stranded"]);
    }
    stage.router.say("promote", "ann");
    expect((await stage.run(wanted)).error).toBeUndefined();
  },
);

it.each([false, true])(
  "a table that a gate held is held for its state if that cannot go back (a router of version 0.1.0: %s)",
  async (isOld) => {
    const stage = new Stage().steady();
    if (isOld) stage.router.holdCodes = undefined;
    const gated: StrategyInput = { steps: [{ weightBp: 10_000, gate: "manual" }] };
    const wanted = wantedOf(stage, gated, "owned", ["r2", GREEN]);
    expect(codeOf((await stage.run(wanted)).error)).toBe("GATE");
    stage.behaviours[GREEN] = { errorRate: 0.9 };
    stage.pass(60_000);
    stage.takesNothing = BLUE;
    stage.router.say("promote");
    expect(codeOf((await stage.run(wanted)).error)).toBe("HANDOVER_FAILED");
    expect([holdOf(stage.router.table)?.code, stage.router.lease]).toEqual(["stranded", undefined]);
    expect([stage.router.proven?.release, weights(stage)]).toEqual(["r1", { g: 10_000, b: 0 }]);
  },
);

it("a person who promotes a rollout whose state cannot go back overrules the check that failed", async () => {
  const stage = await stranded(INSTANT, "owned");
  stage.router.say("promote", "ann");
  const { error, rollout } = await stage.run(wantedOf(stage, INSTANT, "owned", ["r2", GREEN]));
  expect([error, stage.handed]).toEqual([undefined, []]);
  expect(rollout.progress).toMatchObject({
    approvedBy: "person",
    promoted: [{ step: 1, by: "ann", outcome: "fail" }],
  });
  expect(stage.router.proven).toMatchObject({ release: "r2", mode: "steady" });
});
