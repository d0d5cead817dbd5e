/** A person aborts a rollout of a service that owns its state, and the state cannot go back at once. */
import { describe, expect, it } from "vitest";
import type { Wanted } from "../../providers/traffic/plan.ts";
import { commandOf } from "../../providers/traffic/rollout-state.ts";
import { unitSlow } from "../../src/ao/errors.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { BLUE, GREEN, Killed, SHOP_BLUE, SHOP_GREEN, Stage } from "./stage.ts";

const codes = (error: unknown) =>
  error instanceof FleetError ? error.problems.map(({ code }) => code) : error;
const isTransient = (error: unknown) => (error as FleetError).transient;
const weights = (stage: Stage, service = "battle") =>
  Object.fromEntries(
    (stage.router.table?.services[service]?.routes ?? []).map(({ processId, weightBp }) => [
      processId[0],
      weightBp,
    ]),
  );
const AT_BLUE = { b: 10_000 };
const AT_GREEN = { g: 10_000, b: 0 };

const service = (blue: string, green: string) => ({
  key: "sender",
  state: "owned" as const,
  blue: { processId: blue, sourceHash: "old" },
  green: { processId: green, sourceHash: "new" },
});
const owned = (stage: Stage): Wanted =>
  stage.wanted({ trafficStrategy: "INSTANT" }, { services: { battle: service(BLUE, GREEN) } });

/** A router with `holdCodes: undefined` is of version 0.1.0. */
const stageOf = (isOld = false) => {
  const stage = new Stage().steady();
  if (isOld) stage.router.holdCodes = undefined;
  return stage;
};

/** Runs a rollout that a person aborts, and whose state cannot go back. A router of version 0.1.0 returns the traffic first. */
async function aborted(stage: Stage, handingFails: Stage["handingFails"]) {
  stage.before = () => {
    if (stage.router.table?.mode !== "rollout") return;
    stage.router.say("abort");
    Object.assign(stage, { handingFails, refusing: BLUE });
  };
  const { error } = await stage.run(owned(stage));
  stage.before = () => {};
  return error;
}

/** An aborted rollout of two services, at a router of version 0.1.0: the state of battle is back, that of shop cannot go back. */
async function halfReturned() {
  const stage = stageOf(true);
  const services = { battle: service(BLUE, GREEN), shop: service(SHOP_BLUE, SHOP_GREEN) };
  const wanted = { ...owned(stage), services };
  stage.before = () => {
    if (stage.router.table?.mode !== "rollout") return;
    stage.router.say("abort");
    Object.assign(stage, { handingFails: true, refusing: SHOP_BLUE });
  };
  const shop = { key: "sender", routes: [{ processId: SHOP_BLUE, revision: "old", weightBp: 10_000 }] };
  const proven = stage.router.proven as Table;
  proven.services = { ...proven.services, shop };
  expect(codes((await stage.run(wanted)).error)).toEqual(["HANDOVER_FAILED"]);
  expect([weights(stage), weights(stage, "shop")]).toEqual([AT_BLUE, { t: 10_000, s: 0 }]);
  Object.assign(stage, { before: () => {}, handingFails: false, refusing: undefined });
  stage.handed.splice(0);
  return { stage, wanted };
}

describe("an abort whose hand-back takes too long", () => {
  it("leaves the traffic where the state is, and the next run returns both", async () => {
    const stage = stageOf();
    const error = await aborted(stage, "slowly");
    expect([codes(error), isTransient(error), weights(stage)]).toEqual([
      ["HANDOVER_FAILED"],
      false,
      AT_GREEN,
    ]);
    stage.handingFails = false;
    expect(codes((await stage.run(owned(stage))).error)).toEqual(["ROLLED_BACK"]);
    expect([stage.handed.at(-1), weights(stage)]).toEqual(["battle g→b", AT_BLUE]);
  });

  it("leaves the traffic where a router of version 0.1.0 returned it, and the next run moves the state back", async () => {
    const stage = stageOf(true);
    const error = await aborted(stage, "slowly");
    expect(weights(stage)).toEqual(AT_BLUE);
    expect(stage.router.table).toMatchObject({ release: "r1", mode: "steady" });
    // A further attempt of the same deployment would start the rollout again.
    expect([codes(error), isTransient(error)]).toEqual([["ROLLOUT_ABORTED", "HANDOVER_FAILED"], false]);
    stage.handingFails = false;
    await stage.run(owned(stage));
    expect(stage.handed).toEqual(["battle b→g", "battle g→b", "battle g→b if it drains", "battle b→g"]);
  });

  it.each([false, true])(
    "leaves the traffic where it was if the deployer had died (a router of version 0.1.0: %s)",
    async (isOld) => {
      const stage = stageOf(isOld);
      stage.before = () => {
        if (stage.router.table?.mode === "rollout") throw new Killed();
      };
      await stage.run(owned(stage));
      stage.before = () => {};
      stage.router.say("abort");
      Object.assign(stage, { handingFails: "slowly", refusing: BLUE });
      const { error } = await stage.run(owned(stage));
      expect([codes(error), isTransient(error)]).toEqual([["HANDOVER_FAILED"], isOld]);
      expect(weights(stage)).toEqual(isOld ? AT_BLUE : AT_GREEN);
    },
  );

  it("stays an abort if only the answer of a router of version 0.1.0 to the run's report is missing", async () => {
    const stage = stageOf(true);
    stage.before = (message, kind) => {
      if (stage.router.table?.mode === "rollout") stage.router.say("abort");
      if (kind === "set" && stage.handed.at(-1) === "battle g→b")
        throw unitSlow("messenger unit", "http://mu", message);
    };
    const { error, rollout } = await stage.run(owned(stage));
    expect([codes(error), isTransient(error)]).toEqual([["ROLLOUT_ABORTED"], false]);
    expect(rollout.progress.phase).toBe("ROLLED_BACK");
    expect(stage.reported.at(-1)?.detail).toContain("the next run reports to the router");
    stage.before = () => {};
    await stage.run({ ...owned(stage), release: "r3" });
    expect(stage.router.reverted?.returned).toBe(true);
  });
});

describe("an abort whose state cannot go back", () => {
  it("because a handler waits for a reply, perhaps without end, leaves the traffic where it is served", async () => {
    const stage = stageOf();
    const error = await aborted(stage, "open");
    expect([codes(error), isTransient(error)]).toEqual([["HANDOVER_FAILED"], false]);
    expect([weights(stage), stage.router.table?.holdCode]).toEqual([AT_GREEN, "stranded"]);
    stage.handingFails = false;
    expect(codes((await stage.run(owned(stage))).error)).toEqual(["ROLLED_BACK"]);
    expect(weights(stage)).toEqual(AT_BLUE);
  });

  it.each([false, true])(
    "is carried out by the next run before anything is judged (a router of version 0.1.0: %s)",
    async (isOld) => {
      const stage = stageOf(isOld);
      const held = await aborted(stage, true);
      expect(codes(held)).toEqual(["HANDOVER_FAILED"]);
      expect((held as Error).message).toContain("the next run of this release first tries again to return");
      expect([weights(stage), stage.router.table?.mode]).toEqual([AT_GREEN, "held"]);
      // It still cannot, however often.
      for (let n = 0; n < 3; n += 1) {
        expect(codes((await stage.run(owned(stage))).error)).toEqual(["HANDOVER_FAILED"]);
        expect(weights(stage)).toEqual(AT_GREEN);
      }
      stage.handingFails = false;
      const started = stage.router.at;
      const { error } = await stage.run(owned(stage));
      expect((error as Error).message).toMatch(/aborted by hand/);
      expect([codes(error), weights(stage)]).toEqual([["ROLLED_BACK"], AT_BLUE]);
      expect(stage.router.at - started).toBeLessThan(10_000);
    },
  );

  it.each([false, true])(
    "does not count for a later rollout of the same release (a router of version 0.1.0: %s)",
    async (isOld) => {
      const stage = stageOf(isOld);
      await aborted(stage, true);
      stage.handingFails = false;
      expect(codes((await stage.run(owned(stage))).error)).toEqual(["ROLLED_BACK"]);
      stage.behaviours[GREEN] = { errorRate: 0.6 };
      stage.takesNothing = BLUE;
      const { error } = await stage.run(owned(stage));
      expect(codes(error)).toEqual(["HANDOVER_FAILED"]);
      expect((error as Error).message).not.toContain("It was aborted");
      expect(commandOf(stage.router.state())).toBeUndefined();
    },
  );

  it("is overruled by a person who promotes the held table", async () => {
    const stage = stageOf();
    await aborted(stage, true);
    stage.handingFails = false;
    stage.router.say("promote");
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(stage.router.proven).toMatchObject({ release: "r2", mode: "steady" });
  });

  it("is carried out if one of two services is back, so that the shares are those of no step", async () => {
    const { stage, wanted } = await halfReturned();
    expect(codes((await stage.run(wanted)).error)).toEqual(["ROLLED_BACK"]);
    expect([weights(stage), weights(stage, "shop")]).toEqual([AT_BLUE, { s: 10_000 }]);
    expect(stage.handed.at(-1)).toBe("shop t→s");
  });

  it.each([false, true])(
    "is overruled by a person who promotes a half-returned table: state moves with the traffic (the check fails: %s)",
    async (isBad) => {
      const { stage, wanted } = await halfReturned();
      if (isBad) stage.behaviours[SHOP_GREEN] = { errorRate: 0.6 };
      stage.router.say("promote");
      expect((await stage.run(wanted)).error).toBeUndefined();
      expect(stage.handed).toEqual(["battle b→g"]);
      expect([weights(stage), weights(stage, "shop")]).toEqual([AT_GREEN, { t: 10_000, s: 0 }]);
      expect(stage.router.proven).toMatchObject({ release: "r2", mode: "steady" });
    },
  );

  it("ends the interval of a run that has just given the step a lease again", async () => {
    const stage = stageOf();
    stage.behaviours[GREEN] = { errorRate: 0.5 };
    stage.before = () => {
      stage.handingFails = stage.router.table?.mode === "rollout";
    };
    expect(codes((await stage.run(owned(stage))).error)).toEqual(["HANDOVER_FAILED"]);
    stage.handingFails = false;
    const started = stage.router.at;
    stage.before = (_message, kind) => {
      const { table, command } = stage.router;
      if (kind === "set" && table?.holdCode === "stranded" && !command) stage.router.say("abort");
    };
    expect(codes((await stage.run(owned(stage))).error)).toEqual(["ROLLED_BACK"]);
    expect(stage.router.at - started).toBeLessThan(30_000);
  });

  it("keeps every range of keys with the new revision if one of two cannot go back: no other takes requests meanwhile", async () => {
    const stage = stageOf();
    const half = (processId: string) => ({ processId, revision: "old", weightBp: 5000 });
    const battle = { key: "sender", routes: [half(BLUE), half(SHOP_BLUE)] };
    stage.router.prove("r1", SHOP_BLUE, "old", "proven");
    const { release, step, salt } = stage.router.table as Table;
    stage.router.set({ release, step: step + 1, salt, services: { battle }, expect: { release, step } });
    const { services, ...rest } = owned(stage);
    const wanted = {
      ...rest,
      services: { battle: { ...service(BLUE, GREEN), state: "partitioned" as const } },
    };
    let before: number | undefined;
    stage.before = () => {
      if (stage.router.table?.mode !== "rollout") return;
      stage.router.say("abort");
      Object.assign(stage, { takesNothing: SHOP_BLUE, refusing: SHOP_BLUE });
      before = stage.seen[BLUE];
    };
    expect(codes((await stage.run(wanted)).error)).toEqual(["HANDOVER_FAILED"]);
    const [there, back] = [
      ["battle b→g 0-5000", "battle s→g 5000-10000"],
      ["battle g→b 0-5000", "battle g→s 5000-10000"],
    ];
    expect(stage.handed).toEqual([...there, ...back]);
    expect([weights(stage), stage.seen[BLUE]]).toEqual([AT_GREEN, before]);
    Object.assign(stage, { before: () => {}, takesNothing: undefined, refusing: undefined });
    expect(codes((await stage.run(wanted)).error)).toEqual(["ROLLED_BACK"]);
    expect([stage.handed.slice(4), weights(stage)]).toEqual([back, { b: 5000, s: 5000 }]);
  });
});
