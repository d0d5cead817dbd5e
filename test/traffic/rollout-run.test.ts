import { describe, expect, it, test } from "vitest";
import { servicesAt, withProvenBlue } from "../../providers/traffic/plan.ts";
import { unitSlow } from "../../src/ao/errors.ts";
import { FleetError } from "../../src/core/errors.ts";
import { isSplit, type StrategyInput, StrategySchema, stepsOf } from "../../src/delivery/index.ts";
import { FOLLOWS } from "../../src/delivery/machine.ts";
import { TrafficStrategySchema } from "../../src/delivery/strategy.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { markUnsent } from "../../src/fleet/protocol/ask.ts";
import { BLUE, GREEN, Killed, SHOP_BLUE, SHOP_GREEN, Stage } from "./stage.ts";

const codeOf = (error: unknown) => (error instanceof FleetError ? error.code : error);
const weights = (stage: Stage, service = "battle") =>
  Object.fromEntries(
    (stage.router.table?.services[service]?.routes ?? []).map(({ processId, weightBp }) => [
      processId[0],
      weightBp,
    ]),
  );
const STRATEGIES = TrafficStrategySchema.options;

describe("a healthy release", () => {
  test.each(STRATEGIES)("with %s ends in the guide's phases, without a lease", async (trafficStrategy) => {
    const stage = new Stage().steady();
    const { rollout, error } = await stage.run(stage.wanted({ trafficStrategy }));
    expect(error).toBeUndefined();
    expect(rollout.progress.phase).toBe("COMPLETED");
    const strategy = StrategySchema.parse({ kind: "blue-green", trafficStrategy });
    const share = stepsOf(strategy).at(-1)?.weightBp ?? 0;
    expect(isSplit(strategy)).toBe(share < 10_000);
    expect(weights(stage)).toEqual({ g: share, b: 10_000 - share });
    expect(stage.router.proven).toMatchObject({ release: "r2", mode: "steady" });
    expect(stage.router.lease).toBeUndefined();
    expect(rollout.progress.verdict).toMatch(/^pass: .*green 0 faults in \d+ requests/);
    const phases = stage.phases();
    for (const [i, phase] of phases.slice(1).entries())
      expect(FOLLOWS[phases[i] ?? "PREPARING"]).toContain(phase);
    // Days later it is unchanged.
    stage.pass((3 * 86_400_000) / 1000);
    expect(stage.router.table?.release).toBe("r2");
    const before = stage.sets;
    expect((await stage.run(stage.wanted({ trafficStrategy }))).error).toBeUndefined();
    expect(stage.sets).toBe(before);
  });

  it("switches all services of a release in the same message", async () => {
    const stage = new Stage().steady();
    const wanted = stage.wanted({ trafficStrategy: "CANARY" });
    const shop = {
      ...wanted.services.battle,
      blue: { processId: SHOP_BLUE, sourceHash: "o" },
      green: { processId: SHOP_GREEN, sourceHash: "n" },
    };
    const seen: string[] = [];
    stage.before = () => {
      if (stage.router.table?.services.shop) seen.push(`${weights(stage).g}/${weights(stage, "shop").t}`);
    };
    const both = {
      ...wanted,
      services: { ...wanted.services, shop: { ...shop, key: "sender", state: "none" as const } },
    };
    expect((await stage.run(both)).error).toBeUndefined();
    expect(new Set(seen)).toEqual(new Set(["500/500", "10000/10000"]));
  });

  it("starts with a first table, and with one that moves nothing", async () => {
    const stage = new Stage();
    expect((await stage.run(stage.wanted({ trafficStrategy: "CANARY" }))).error).toBeUndefined();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
    const alone = new Stage();
    const services = {
      battle: { key: "sender", state: "owned" as const, green: { processId: GREEN, sourceHash: "new" } },
    };
    const { rollout } = await alone.run(alone.wanted({}, { services }));
    expect(rollout.progress).toMatchObject({
      phase: "COMPLETED",
      table: { services: { battle: { routes: [{ weightBp: 10_000 }] } } },
    });
  });

  it("continues from a steady split: shares that green already has are skipped", async () => {
    const stage = new Stage().steady();
    await stage.run(stage.wanted({ trafficStrategy: "A_B_TEST" }));
    const shares: unknown[] = [];
    stage.before = () => shares.push(weights(stage).g);
    const { error } = await stage.run(stage.wanted({ trafficStrategy: "GRADUAL" }, { release: "r3" }));
    expect(error).toBeUndefined();
    expect(Math.min(...(shares as number[]))).toBe(5000);
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });
});

describe("H2: a faulty release", () => {
  const cases = STRATEGIES.flatMap((trafficStrategy) =>
    stepsOf(StrategySchema.parse({ kind: "blue-green", trafficStrategy })).map(
      (step, i) => [trafficStrategy, i, step.weightBp] as const,
    ),
  );

  test.each(cases)(
    "%s that starts to fail at step %i is rolled back within an interval, with at most %i basis points of the requests exposed",
    async (trafficStrategy, at, weightBp) => {
      const stage = new Stage().steady();
      let [turned, before] = [0, { green: 0, all: 0 }];
      const total = () => (stage.seen[GREEN] ?? 0) + (stage.seen[BLUE] ?? 0);
      stage.before = () => {
        const { table } = stage.router;
        if (turned > 0 || table?.release !== "r2" || table.step !== at + 1) return;
        turned = stage.router.at;
        before = { green: stage.seen[GREEN] ?? 0, all: total() };
        stage.behaviours[GREEN] = { errorRate: 0.6 };
      };
      const { rollout, error } = await stage.run(stage.wanted({ trafficStrategy }));
      expect(codeOf(error)).toBe("ROLLED_BACK");
      expect(rollout.progress).toMatchObject({ phase: "ROLLED_BACK", table: { release: "r1", step: 3 } });
      expect(stage.phases().slice(-3)).toEqual(["FAILED", "ROLLING_BACK", "ROLLED_BACK"]);
      expect(weights(stage)).toEqual({ b: 10_000 });
      // One interval, and the time of a few messages.
      expect(stage.router.at - turned).toBeLessThan(60_000 + 15 * 200);
      const exposed = ((stage.seen[GREEN] ?? 0) - before.green) / Math.max(1, total() - before.all);
      expect(exposed).toBeLessThanOrEqual(weightBp / 10_000 + 0.01);
    },
  );

  it("gets no share if the router's own health check fails", async () => {
    const stage = new Stage().steady();
    stage.behaviours[GREEN] = { health: "UNHEALTHY" };
    const { rollout, error } = await stage.run(stage.wanted({ trafficStrategy: "CANARY" }));
    expect(codeOf(error)).toBe("TARGET_UNPROVEN");
    expect(rollout.progress.phase).toBe("FAILED");
    expect([stage.seen[GREEN], stage.router.table?.release]).toEqual([undefined, "r1"]);
  });

  test.each([
    ["freeze", { onFailure: "freeze" }],
    ["hold", { onFailure: "hold" }],
    ["no rollback", { rollbackOnFailure: false }],
  ] as const)("keeps its shares with %s, until a person decides", async (what, policy) => {
    const stage = new Stage().steady();
    stage.behaviours[GREEN] = { errorRate: 0.6 };
    const wanted = stage.wanted({ trafficStrategy: "CANARY", ...policy });
    expect(codeOf((await stage.run(wanted)).error)).toBe("HELD");
    stage.pass(3_600_000);
    expect(weights(stage)).toEqual({ g: 500, b: 9500 });
    expect(stage.router.table).toMatchObject({
      mode: "held",
      holdCode: "failed",
      reason: expect.stringContaining("errorRate of battle fails"),
    });
    const sets = stage.sets;
    expect(codeOf((await stage.run(wanted)).error)).toBe("HELD");
    if (what !== "hold") expect(stage.sets).toBe(sets);
    stage.router.say("abort");
    expect(weights(stage)).toEqual({ b: 10_000 });
  });
});

describe("H3: a deployer that dies", () => {
  test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
    "at its message %i: the router rolls back by itself, and the next run finishes",
    async (n) => {
      for (const isBad of [false, true]) {
        const stage = new Stage().steady();
        if (isBad) stage.behaviours[GREEN] = { errorRate: 0.5 };
        stage.before = (message) => {
          if (message === n) throw new Killed();
        };
        const wanted = stage.wanted({ trafficStrategy: "CANARY" });
        const { error } = await stage.run(wanted);
        const ended = !(error instanceof Killed);
        stage.before = () => {};
        stage.pass(60_000 + 30_000 + 1000);
        expect(stage.router.table?.mode).toBe("steady");
        if (ended) continue;
        if (stage.router.proven?.release === "r1") expect(weights(stage)).toEqual({ b: 10_000 });
        const again = await stage.run(wanted);
        expect(codeOf(again.error)).toBe(isBad ? "ROLLED_BACK" : undefined);
        expect(weights(stage)).toEqual(isBad ? { b: 10_000 } : { g: 10_000, b: 0 });
      }
    },
  );

  it("is followed by a run that starts over if the step's lease ends before it is renewed", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.step === 2) throw new Killed();
    };
    await stage.run(stage.wanted({ trafficStrategy: "GRADUAL" }));
    let looks = 0;
    stage.before = (_message, kind) => {
      looks += 1;
      // It read the step in progress, and time passes until it sends.
      if (kind === "set" && looks < 10) stage.router.tick(600_000);
      if (kind === "set") looks = 10;
    };
    expect(stage.router.table?.mode).toBe("rollout");
    expect((await stage.run(stage.wanted({ trafficStrategy: "GRADUAL" }))).error).toBeUndefined();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("is followed by a run that continues at that step if the lease has not ended", async () => {
    const stage = new Stage().steady();
    const wanted = stage.wanted({ trafficStrategy: "GRADUAL" });
    stage.before = () => {
      if (stage.router.table?.step === 3 && stage.router.table.release === "r2") throw new Killed();
    };
    await stage.run(wanted);
    const steps: number[] = [];
    stage.before = () => steps.push(stage.router.table?.step ?? 0);
    expect((await stage.run(wanted)).error).toBeUndefined();
    expect(Math.min(...steps)).toBe(3);
  });
});

describe("C3: another release during a rollout", () => {
  it("starts from the last proven table, and the slower run changes nothing more", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.step === 2 && stage.router.table.release === "r2") throw new Killed();
    };
    await stage.run(stage.wanted({ trafficStrategy: "GRADUAL" }));
    stage.before = () => {};
    const third = "c".repeat(43);
    const battle = {
      key: "sender",
      state: "none" as const,
      blue: { processId: BLUE, sourceHash: "old" },
      green: { processId: third, sourceHash: "c" },
    };
    const { error } = await stage.run(
      stage.wanted({ trafficStrategy: "CANARY" }, { release: "r3", services: { battle } }),
    );
    expect(error).toBeUndefined();
    expect(stage.reported.some(({ detail }) => detail.includes("from the last proven table"))).toBe(true);
    expect(weights(stage)).toEqual({ c: 10_000, b: 0 });
  });

  it("is reported by the run that lost its table", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      const { table, proven } = stage.router;
      if (table?.release !== "r2" || table.step !== 2 || !proven) return;
      stage.router.set({ ...proven, release: "r9", step: 1, expect: { release: "r2", step: 2 } } as never);
    };
    expect(codeOf((await stage.run(stage.wanted({ trafficStrategy: "GRADUAL" }))).error)).toBe(
      "TRAFFIC_TAKEN",
    );
    expect(stage.router.table?.release).toBe("r9");
  });
});

describe("a person's command", () => {
  const gated: StrategyInput = { steps: [{ weightBp: 500, gate: "manual" }, { weightBp: 10_000 }] };

  it("opens a gate; until then every run stops there, and no lease ends the hold", async () => {
    const stage = new Stage().steady();
    const { rollout, error } = await stage.run(stage.wanted(gated));
    expect([codeOf(error), rollout.progress.phase]).toEqual(["GATE", "HELD"]);
    expect((error as Error).message).toContain("npx fleet abort sends all traffic back.");
    stage.pass(8_640_000);
    expect(codeOf((await stage.run(stage.wanted(gated))).error)).toBe("GATE");
    stage.router.say("promote");
    expect((await stage.run(stage.wanted(gated))).error).toBeUndefined();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it.each(["pause", "abort", "promote"] as const)("%s works while a step is watched", async (command) => {
    const stage = new Stage().steady();
    let hasSent = false;
    stage.before = (_n, kind) => {
      if (hasSent || kind !== "read" || stage.router.table?.mode !== "rollout") return;
      hasSent = true;
      stage.router.say(command);
    };
    const wanted = stage.wanted({ trafficStrategy: "CANARY" });
    const started = stage.router.at;
    const { rollout, error } = await stage.run(wanted);
    if (command === "promote") {
      expect(error).toBeUndefined();
      // One interval of four was cut short.
      expect(stage.router.at - started).toBeLessThan(4 * 60_000);
    } else if (command === "abort") {
      expect([codeOf(error), rollout.progress.phase]).toEqual(["ROLLOUT_ABORTED", "ROLLED_BACK"]);
      expect(weights(stage)).toEqual({ b: 10_000 });
    } else {
      expect([codeOf(error), rollout.progress.phase]).toEqual(["PAUSED", "HELD"]);
      expect(codeOf((await stage.run(wanted)).error)).toBe("PAUSED");
      stage.router.say("resume");
      expect((await stage.run(wanted)).error).toBeUndefined();
    }
  });
});

describe("a router of version 0.1.0, which keeps only the sentence of a hold", () => {
  const old = () => {
    const stage = new Stage().steady();
    stage.router.holdCodes = undefined;
    return stage;
  };

  it("is held at a gate until a person promotes it", async () => {
    const stage = old();
    const wanted = stage.wanted({ steps: [{ weightBp: 500, gate: "manual" }, { weightBp: 10_000 }] });
    expect(codeOf((await stage.run(wanted)).error)).toBe("GATE");
    expect(stage.router.table?.holdCode).toBeUndefined();
    const sets = stage.sets;
    expect(codeOf((await stage.run(wanted)).error)).toBe("GATE");
    expect(stage.sets).toBe(sets);
    stage.router.say("promote");
    expect((await stage.run(wanted)).error).toBeUndefined();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("is held after a failed check if the strategy freezes", async () => {
    const stage = old();
    stage.behaviours[GREEN] = { errorRate: 0.6 };
    const wanted = stage.wanted({ trafficStrategy: "CANARY", onFailure: "freeze" });
    expect(codeOf((await stage.run(wanted)).error)).toBe("HELD");
    const sets = stage.sets;
    // Its library was updated since: the table is the same one.
    stage.router.holdCodes = ["failed"];
    expect(codeOf((await stage.run(wanted)).error)).toBe("HELD");
    expect(stage.sets).toBe(sets);
  });
});

describe("a hold", () => {
  it("is measured again if measurements were missing, even if its sentence quotes a failed check", async () => {
    const stage = new Stage().steady();
    const wanted = stage.wanted({ trafficStrategy: "CANARY", onFailure: "freeze" });
    stage.behaviours[GREEN] = { silent: true };
    expect(codeOf((await stage.run(wanted)).error)).toBe("HELD");
    Object.assign(stage.router.table ?? {}, {
      reason: "4 measurements in a row could not be made: the probe fails: no answer",
    });
    stage.behaviours[GREEN] = {};
    expect((await stage.run(wanted)).error).toBeUndefined();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("is recognized as a gate by its code, whatever its sentence says", async () => {
    const stage = new Stage().steady();
    const wanted = stage.wanted({ steps: [{ weightBp: 500, gate: "manual" }, { weightBp: 10_000 }] });
    expect(codeOf((await stage.run(wanted)).error)).toBe("GATE");
    expect(stage.router.table?.holdCode).toBe("gate");
    Object.assign(stage.router.table ?? {}, { reason: "waits for approval" });
    const sets = stage.sets;
    expect(codeOf((await stage.run(wanted)).error)).toBe("GATE");
    expect(stage.sets).toBe(sets);
  });
});

describe("too little data", () => {
  it("holds the rollout after the given number of intervals without traffic, and promote continues it", async () => {
    const stage = new Stage().steady();
    stage.rate = 0;
    const wanted = stage.wanted({ trafficStrategy: "CANARY" });
    const { error, rollout } = await stage.run(wanted);
    expect(codeOf(error)).toBe("HELD");
    expect(rollout.progress.verdict).toMatch(/^inconclusive: /);
    expect(weights(stage)).toEqual({ g: 500, b: 9500 });
    stage.router.say("promote");
    await stage.run(wanted);
    expect(stage.router.table).toMatchObject({ step: 2 });
  });

  it("holds the rollout after four failed measurements in a row", async () => {
    const stage = new Stage().steady();
    stage.behaviours[GREEN] = { silent: true };
    const started = stage.router.at;
    expect(codeOf((await stage.run(stage.wanted({ trafficStrategy: "CANARY" }))).error)).toBe("HELD");
    expect(stage.router.table?.reason).toMatch(/^4 measurements in a row could not be made/);
    expect(stage.router.table?.holdCode).toBe("error");
    expect(stage.router.at - started).toBeGreaterThan(4 * 60_000);
  });
});

describe("who approved a release", () => {
  const open = /^errorRate of battle is inconclusive: green 0 faults in 0 requests/;
  const lastLine = (stage: Stage) => stage.reported.at(-1);

  it('is "judge" if every step passed', async () => {
    const stage = new Stage().steady();
    const { rollout } = await stage.run(stage.wanted({ trafficStrategy: "CANARY" }));
    expect(rollout.progress).toMatchObject({ approvedBy: "judge", promoted: [] });
    expect(lastLine(stage)?.detail).toMatch(/\(passed at 100 %\)$/);
    const split = new Stage().steady();
    await split.run(split.wanted({ trafficStrategy: "A_B_TEST" }));
    expect(lastLine(split)?.detail).toMatch(/\(passed at 50 %\)$/);
  });

  it('is "person" if the last step was promoted from a hold, and no line says that it passed', async () => {
    const stage = new Stage().steady();
    stage.rate = 0;
    const wanted = stage.wanted({ trafficStrategy: "INSTANT" });
    const held = await stage.run(wanted);
    expect(codeOf(held.error)).toBe("HELD");
    expect(held.rollout.progress).toMatchObject({ approvedBy: undefined, promoted: [] });
    stage.router.say("promote", "ann");
    const { rollout, error } = await stage.run(wanted);
    expect(error).toBeUndefined();
    expect(rollout.progress).toMatchObject({
      phase: "COMPLETED",
      approvedBy: "person",
      promoted: [
        {
          step: 1,
          weightBp: 10_000,
          by: "ann",
          outcome: "inconclusive",
          verdict: expect.stringMatching(open),
        },
      ],
    });
    expect(lastLine(stage)?.detail).toMatch(
      /\(promoted by hand without a pass: inconclusive: errorRate of battle is inconclusive: /,
    );
    expect(stage.reported.filter(({ detail }) => detail.includes("(passed"))).toEqual([]);
    // A later run finds it done, and did not approve it.
    const later = await stage.run(wanted);
    expect(later.rollout.progress).toMatchObject({ phase: "COMPLETED", approvedBy: undefined });
  });

  it('is "person" if a step that had failed and was held was promoted', async () => {
    const stage = new Stage().steady();
    stage.behaviours[GREEN] = { errorRate: 0.6 };
    const wanted = stage.wanted({ trafficStrategy: "INSTANT", onFailure: "freeze" });
    expect(codeOf((await stage.run(wanted)).error)).toBe("HELD");
    stage.router.say("promote");
    const { rollout } = await stage.run(wanted);
    expect(rollout.progress).toMatchObject({
      approvedBy: "person",
      promoted: [{ step: 1, outcome: "fail" }],
    });
    expect(lastLine(stage)?.detail).toContain("(promoted by hand without a pass: fail: errorRate of battle");
  });

  it('is "judge" if the last step passed, with the steps that a person promoted in this run and in earlier ones', async () => {
    const stage = new Stage().steady();
    stage.rate = 0;
    const wanted = stage.wanted({ trafficStrategy: "CANARY" });
    await stage.run(wanted);
    stage.router.say("promote");
    const second = await stage.run(wanted);
    expect([codeOf(second.error), second.rollout.progress.promoted.length]).toEqual(["HELD", 1]);
    stage.router.say("promote");
    stage.before = () => {
      if (stage.router.table?.step === 3) stage.rate = 200;
    };
    const { rollout, error } = await stage.run(wanted, second.rollout.progress.promoted);
    expect(error).toBeUndefined();
    expect(rollout.progress).toMatchObject({
      approvedBy: "judge",
      promoted: [
        { step: 1, weightBp: 500, outcome: "inconclusive" },
        { step: 2, weightBp: 500, outcome: "inconclusive" },
      ],
    });
    expect(lastLine(stage)?.detail).toMatch(
      /\(passed at 100 %; earlier steps promoted by hand without a pass: step 1, 5 % \(inconclusive: .*\), step 2, 5 % \(/,
    );
  });

  it('is "judge" if a person opened a gate after the step had passed', async () => {
    const stage = new Stage().steady();
    const wanted = stage.wanted({ steps: [{ weightBp: 10_000, gate: "manual" }] });
    expect(codeOf((await stage.run(wanted)).error)).toBe("GATE");
    stage.router.say("promote");
    const { rollout } = await stage.run(wanted);
    expect(rollout.progress).toMatchObject({ approvedBy: "judge", promoted: [] });
    expect(lastLine(stage)?.detail).toMatch(/\(passed at 100 %\)$/);
  });

  it("is reset when a rollout starts over", async () => {
    const stage = new Stage().steady();
    const promoted = [{ step: 1, weightBp: 500, by: "ann", outcome: "error" as const, verdict: "no answer" }];
    const { rollout } = await stage.run(stage.wanted({ trafficStrategy: "CANARY" }), promoted);
    expect(rollout.progress).toMatchObject({ approvedBy: "judge", promoted: [] });
  });

  it("is undefined if no traffic moves", async () => {
    const stage = new Stage().steady();
    await stage.run(stage.wanted({ trafficStrategy: "INSTANT" }));
    const { rollout } = await stage.run(stage.wanted({ trafficStrategy: "INSTANT" }, { release: "r3" }));
    expect(rollout.progress).toMatchObject({ phase: "COMPLETED", approvedBy: undefined, promoted: [] });
    expect(lastLine(stage)?.detail).toContain("(nothing moves)");
  });
});

describe("a service that owns its state", () => {
  const owned = (stage: Stage, strategy: StrategyInput = {}) => {
    const wanted = stage.wanted({ trafficStrategy: "INSTANT", ...strategy });
    const [battle] = Object.values(wanted.services);
    return { ...wanted, services: { battle: { ...battle, state: "owned" as const } } } as typeof wanted;
  };

  it("is handed over before the message that switches its traffic", async () => {
    const stage = new Stage().steady();
    const { error } = await stage.run(owned(stage));
    expect(error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g"]);
    expect(stage.served).toEqual(["battle g"]);
    await stage.run(owned(stage));
    expect(stage.handed).toEqual(["battle b→g"]);
  });

  it("is handed back soon after an abort, however long the step's interval is", async () => {
    const stage = new Stage().steady();
    stage.rate = 0;
    let hasSent = false;
    stage.before = (_n, kind) => {
      if (hasSent || kind !== "read" || stage.router.table?.mode !== "rollout") return;
      hasSent = true;
      stage.router.say("abort");
    };
    const started = stage.router.at;
    const { error } = await stage.run(owned(stage, { intervalSeconds: 86_400 }));
    expect([codeOf(error), weights(stage)]).toEqual(["ROLLOUT_ABORTED", { b: 10_000 }]);
    expect(stage.router.at - started).toBeLessThan(60_000);
    expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
  });

  it("is reported six times in an interval at most, however often the run asks the router", async () => {
    const stage = new Stage().steady();
    stage.rate = 0.02;
    await stage.run(owned(stage, { intervalSeconds: 3600 }));
    const lines = stage.reported.filter(({ detail }) => detail.startsWith("step 1 of 1"));
    expect(lines.length).toBeGreaterThan(1);
    // The first one is about the switch.
    expect(lines.length).toBeLessThanOrEqual(1 + 6);
  });

  it("is served by no revision while it is unknown whether the router switched, and the next run continues", async () => {
    const stage = new Stage().steady();
    stage.before = (message, kind) => {
      if (kind !== "set") return;
      // From the switch on, neither its answer nor the router's table is known.
      stage.before = (_message, later) => {
        if (later === "read") throw unitSlow("compute unit", "http://cu", message);
      };
    };
    stage.loses = { what: "answers", times: 2 };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("SWITCH_UNKNOWN");
    expect((error as Error).message).toContain("battle@bbbbbbbb refuses requests (DRAINING)");
    expect(stage.handed).toEqual(["battle b→g"]);
    stage.before = () => {};
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
    expect(stage.handed).toEqual(["battle b→g"]);
    expect(stage.confirmed).toEqual(["battle b→g"]);
  });

  it("continues if the answer to the switch is lost and the router shows it", async () => {
    const stage = new Stage().steady();
    stage.loses = { what: "answers", times: 2 };
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g"]);
    expect(stage.served).toEqual(["battle g"]);
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("is served by no revision while the switch may still arrive: the next run's epoch keeps it out before the old one is resumed", async () => {
    const stage = new Stage().steady();
    stage.loses = { what: "messages", times: 2 };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("SWITCH_UNKNOWN");
    expect(stage.handed).toEqual(["battle b→g"]);
    stage.refusing = BLUE;
    const kinds: string[] = [];
    stage.before = (_message, kind) => {
      kinds.push(kind);
    };
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(kinds.slice(0, 3)).toEqual(["read", "prove", "read"]);
    expect(stage.handed).toEqual(["battle b→g", "battle b→g"]);
    expect(stage.served).toEqual(["battle b again", "battle g"]);
  });

  it("follows a switch that arrives while the next run starts: the old revision is not resumed", async () => {
    const stage = new Stage().steady();
    stage.loses = { what: "messages", times: 2 };
    const wanted = owned(stage);
    await stage.run(wanted);
    stage.refusing = BLUE;
    stage.before = (_message, kind) => {
      if (kind !== "prove") return;
      stage.before = () => {};
      const { serial } = stage.router;
      stage.router.set({
        ...{ release: "r2", step: 1, salt: "r2", services: servicesAt(wanted, { weightBp: 10_000 }) },
        expect: { release: "r1", step: 3, serial },
        lease: { forMs: 60_000, revertTo: "r1", onEnd: "hold" },
      });
    };
    stage.router.prove("r2", GREEN, "new", "proven");
    expect((await stage.run(wanted)).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g"]);
    expect(stage.served).toEqual([]);
    expect(stage.confirmed).toEqual(["battle b→g"]);
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("is not resumed on the old revision if somebody else moved its traffic before the switch was refused", async () => {
    const stage = new Stage().steady();
    stage.before = (_message, kind) => {
      if (kind !== "set" || stage.handed.length !== 1) return;
      const table = stage.router.table as Table;
      const routes = [{ processId: GREEN, revision: "new", weightBp: 10_000 }];
      stage.router.table = { ...table, services: { battle: { key: "sender", routes } } };
      stage.router.serial += 1;
    };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("STALE_STEP");
    expect(stage.handed).toEqual(["battle b→g"]);
  });

  it.each([true, false])(
    "resumes on the old revision if the switch was certainly not sent (the router can be read: %s)",
    async (canRead) => {
      const stage = new Stage().steady();
      const full = new FleetError(
        { code: "JOURNAL_UNWRITABLE", what: "The disk is full.", remedy: "Free some space." },
        { isLocal: true },
      );
      let sets = 0;
      stage.before = (_message, kind) => {
        if (stage.handed.length === 0) return;
        if (kind === "set") sets += 1;
        if (kind === "set" || !canRead) throw markUnsent(full);
      };
      const { error } = await stage.run(owned(stage));
      expect(codeOf(error)).toBe("JOURNAL_UNWRITABLE");
      expect((error as Error).message).toContain("battle@bbbbbbbb keeps serving");
      expect([sets, stage.handed]).toEqual([1, ["battle b→g", "battle b serves on"]]);
    },
  );

  it("is not resumed if the second call was not sent: the first message may still arrive", async () => {
    const stage = new Stage().steady();
    let sets = 0;
    stage.before = (_message, kind) => {
      if (kind !== "set" || stage.handed.length === 0) return;
      sets += 1;
      const slow = unitSlow("messenger unit", "http://mu", 1000);
      throw sets === 1 ? slow : markUnsent(slow);
    };
    expect(codeOf((await stage.run(owned(stage))).error)).toBe("SWITCH_UNKNOWN");
    expect([sets, stage.handed]).toEqual([2, ["battle b→g"]]);
  });

  it("names only old revisions that answered that they refuse requests while the switch is unknown", async () => {
    const stage = new Stage().steady();
    stage.answers = "lost";
    stage.loses = { what: "messages", times: 2 };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("SWITCH_UNKNOWN");
    expect((error as Error).message).not.toContain("refuses requests");
  });

  it("is not resumed before the router refuses a late switch, also if the router has no proof yet", async () => {
    const stage = new Stage().steady();
    stage.loses = { what: "messages", times: 2 };
    await stage.run(owned(stage));
    stage.refusing = BLUE;
    stage.router.proofs.clear();
    stage.before = (message, kind) => {
      if (kind === "prove") throw unitSlow("compute unit", "http://cu", message);
    };
    expect(codeOf((await stage.run(owned(stage))).error)).toBe("UNIT_SLOW");
    expect(stage.served).toEqual([]);
    const kinds: string[] = [];
    stage.before = (_message, kind) => {
      kinds.push(kind);
    };
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(kinds.slice(0, 3)).toEqual(["read", "prove", "read"]);
    expect(stage.router.proofs.get(BLUE)).toMatchObject({ release: "r1", revision: "old" });
    expect(stage.served).toEqual(["battle b again", "battle g"]);
  });

  it("is handed over even if the router has no table for the service yet, and handed back in a rollback", async () => {
    const joins = (stage: Stage) => {
      const { services, ...rest } = owned(stage);
      return { ...rest, services: { shop: services.battle } } as typeof rest & { services: typeof services };
    };
    const stage = new Stage().steady();
    expect((await stage.run(joins(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["shop b→g"]);
    const bad = new Stage().steady();
    bad.behaviours[GREEN] = { errorRate: 0.5 };
    expect(codeOf((await bad.run(joins(bad))).error)).toBe("ROLLED_BACK");
    expect(bad.handed).toEqual(["shop b→g", "shop g→b"]);
  });

  it("keeps its traffic on the old revision if the state cannot be handed over", async () => {
    const stage = new Stage().steady();
    stage.handingFails = true;
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("HANDOVER_FAILED");
    expect(weights(stage)).toEqual({ b: 10_000 });
    expect(stage.seen[GREEN]).toBeUndefined();
  });

  it("resumes on the old revision if the switch is refused", async () => {
    const stage = new Stage().steady();
    stage.before = (_message, kind) => {
      // Somebody else changes the table between the hand-over and the switch.
      if (kind === "set" && stage.handed.length === 1) stage.router.serial += 1;
    };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("STALE_STEP");
    expect(stage.handed).toEqual(["battle b→g", "battle b serves on"]);
  });

  it("is handed back with its newer state if the new revision fails", async () => {
    const stage = new Stage().steady();
    stage.behaviours[GREEN] = { errorRate: 0.5 };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("ROLLED_BACK");
    expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
    expect(weights(stage)).toEqual({ b: 10_000 });
  });

  it("is held on the new revision if the state cannot be handed back", async () => {
    const stage = new Stage().steady();
    stage.behaviours[GREEN] = { errorRate: 0.5 };
    stage.before = () => {
      stage.handingFails = stage.router.table?.mode === "rollout";
    };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("HANDOVER_FAILED");
    expect(stage.router.table).toMatchObject({ mode: "held", holdCode: "stranded" });
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
    // The old revision refuses requests: an abort is left to the next run, which returns traffic and state, or neither.
    stage.before = () => {};
    for (const fails of [true, false]) {
      stage.router.say("abort");
      expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
      stage.handingFails = fails;
      expect(codeOf((await stage.run(owned(stage))).error)).toBe(fails ? "HANDOVER_FAILED" : "ROLLED_BACK");
      expect(weights(stage)).toEqual(fails ? { g: 10_000, b: 0 } : { b: 10_000 });
    }
  });

  /** A deployer that switched and died, so long ago that its lease is over. */
  async function left(): Promise<Stage> {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.mode === "rollout") throw new Killed();
    };
    expect((await stage.run(owned(stage))).error).toBeInstanceOf(Killed);
    stage.before = () => {};
    stage.pass(600_000);
    return stage;
  }
  const third = (stage: Stage) => {
    const { services, ...rest } = owned(stage);
    const green = { processId: "c".repeat(43), sourceHash: "c" };
    return { ...rest, release: "r3", services: { battle: { ...services.battle, green } } } as typeof rest & {
      services: typeof services;
    };
  };

  it.each(["the same", "the earlier", "another"])(
    "is aborted within the lease of a deployer that died: callers stay where the state is until a run of %s code returns both",
    async (which) => {
      const stage = new Stage().steady();
      stage.before = () => {
        if (stage.router.table?.mode === "rollout") throw new Killed();
      };
      await stage.run(owned(stage));
      stage.before = () => {};
      stage.router.say("abort");
      expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
      stage.pass(600_000);
      expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
      const same = owned(stage);
      const battle = { ...same.services.battle, green: { processId: BLUE, sourceHash: "old" } };
      const earlier = { ...same, release: "r3", services: { battle } } as typeof same;
      const of = { "the same": same, "the earlier": earlier, another: third(stage) }[which] as typeof same;
      const { error } = await stage.run(of);
      expect(codeOf(error)).toBe(which === "the same" ? "ROLLED_BACK" : undefined);
      expect(stage.handed.slice(0, 2)).toEqual(["battle b→g", "battle g→b"]);
      expect(weights(stage)).toEqual(which === "another" ? { c: 10_000, b: 0 } : { b: 10_000 });
    },
  );

  it.each(["watches", "is about to complete"])(
    "returns with its state before its traffic if a person aborts what a run %s",
    async (does) => {
      const stage = new Stage().steady();
      let seen: object | undefined;
      stage.before = (_message, kind) => {
        const isEnd = kind === "set" && stage.reported.at(-1)?.detail.startsWith("verdict pass");
        const isNow = does === "watches" ? kind === "read" && stage.router.table?.mode === "rollout" : isEnd;
        if (isNow && !stage.router.command) stage.router.say("abort");
        // It has not moved when the state has.
        if (stage.handed.at(-1) === "battle g→b") seen ??= weights(stage);
      };
      const { error, rollout } = await stage.run(owned(stage));
      expect([codeOf(error), rollout.progress.phase]).toEqual(["ROLLOUT_ABORTED", "ROLLED_BACK"]);
      expect([seen, weights(stage)]).toEqual([{ g: 10_000, b: 0 }, { b: 10_000 }]);
      expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
    },
  );

  it("stays on the revision that has its state after the deployer died: the old one would refuse every request", async () => {
    const stage = await left();
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
    expect(stage.router.table).toMatchObject({
      mode: "held",
      holdCode: "abandoned",
      reason: expect.stringContaining("deployer is gone"),
    });
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g"]);
    expect(stage.router.table?.mode).toBe("steady");
  });

  it("continues if the lease ended between the run's read and its message", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.mode === "rollout") throw new Killed();
    };
    await stage.run(owned(stage));
    expect(stage.router.table?.mode).toBe("rollout");
    let isLate = true;
    stage.before = (_message, kind) => {
      if (kind === "set" && isLate) stage.router.tick(600_000);
      if (kind === "set") isLate = false;
    };
    expect((await stage.run(owned(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g"]);
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("follows an abort back also in the attempt after its lease ended between the run's read and its message", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.mode === "rollout") throw new Killed();
    };
    await stage.run(owned(stage));
    let sets = 0;
    stage.before = (_message, kind) => {
      if (kind === "set") sets += 1;
      if (kind === "set" && sets === 1) stage.router.tick(600_000);
      if (kind === "read" && sets === 2) {
        sets += 1;
        stage.router.say("abort");
      }
    };
    const { error, rollout } = await stage.run(owned(stage));
    expect([codeOf(error), rollout.progress.phase]).toEqual(["ROLLOUT_ABORTED", "ROLLED_BACK"]);
    expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
    expect(weights(stage)).toEqual({ b: 10_000 });
  });

  it("follows an abort back also if that arrives before the message of the attempt after a lease that ended", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.mode === "rollout") throw new Killed();
    };
    await stage.run(owned(stage));
    let sets = 0;
    stage.before = (_message, kind) => {
      if (kind !== "set") return;
      sets += 1;
      if (sets === 1) stage.router.tick(600_000);
      if (sets === 2) stage.router.say("abort");
    };
    const { error, rollout } = await stage.run(owned(stage));
    expect([codeOf(error), rollout.progress.phase]).toEqual(["ROLLED_BACK", "ROLLED_BACK"]);
    expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
    expect(weights(stage)).toEqual({ b: 10_000 });
  });

  it("moves with the traffic if the table in force is that of no step and a person promoted it", async () => {
    const stage = new Stage().steady();
    const wanted = partitioned(stage, [5000, 10_000]);
    const gated = {
      ...wanted,
      strategy: { ...wanted.strategy, steps: [{ weightBp: 5000 }, { weightBp: 9000 }] },
    };
    stage.before = () => {
      if (stage.router.table?.step === 2 && stage.router.table.release === "r2") stage.router.say("pause");
    };
    const { error } = await stage.run(gated as typeof wanted);
    expect(codeOf(error)).toBe("PAUSED");
    // An abort leaves the traffic to the next run, because the old revision refuses the callers whose state it handed over.
    expect((error as Error).message).toContain(
      "npx fleet abort, then npx fleet deploy --refresh, tries to return state and traffic.",
    );
    expect(weights(stage)).toEqual({ g: 9000, b: 1000 });
    stage.before = () => {};
    stage.handed.splice(0);
    stage.router.say("promote");
    expect((await stage.run(wanted)).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle g→b 5000-9000", "battle b→g 5000-10000"]);
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
  });

  it("keeps its newer state in another release after the deployer died", async () => {
    const stage = await left();
    expect((await stage.run(third(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g", "battle g→b", "battle b→c"]);
    expect(weights(stage)).toEqual({ c: 10_000, b: 0 });
  });

  it("is handed over by the next release if a person aborted the rollout after the deployer died", async () => {
    const stage = await left();
    stage.router.say("abort");
    // The old revision would refuse them.
    expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
    expect((await stage.run(third(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g", "battle g→b", "battle b→c"]);
  });

  it("goes back if a person aborts the held rollout while a run, which another one allowed, is about to complete it", async () => {
    const stage = await left();
    stage.router.say("promote");
    stage.before = (_, kind) => {
      if (kind === "set" && stage.router.command?.command === "promote") stage.router.say("abort");
    };
    expect(codeOf((await stage.run(owned(stage))).error)).toBe("ROLLED_BACK");
    expect(weights(stage)).toEqual({ b: 10_000 });
    expect(stage.router.table).toMatchObject({ release: "r1", mode: "steady" });
  });

  it("is the same with an earlier router, which returns the traffic of a held table at once", async () => {
    const stage = await left();
    stage.router.table = { ...(stage.router.table as Table), handed: undefined };
    stage.router.say("abort");
    expect(weights(stage)).toEqual({ b: 10_000 });
    expect((await stage.run(third(stage))).error).toBeUndefined();
    expect(stage.handed).toEqual(["battle b→g", "battle g→b if it drains", "battle b→c"]);
  });

  it("is handed back if the router rolled back by itself", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.handed.length === 1 && stage.router.table?.mode === "rollout") stage.router.say("abort");
    };
    const { error } = await stage.run(owned(stage));
    expect(codeOf(error)).toBe("ROLLOUT_ABORTED");
    expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
  });

  it.each(["while the run is alive", "after the deployer died"])(
    "gets its traffic back on the new revision if an abort (%s) sent it to an old one that cannot take the state",
    async (when) => {
      const stage = when === "after the deployer died" ? await left() : new Stage().steady();
      const abort = () => {
        stage.router.say("abort");
        Object.assign(stage, { handingFails: true, refusing: BLUE });
      };
      if (when === "after the deployer died") abort();
      else
        stage.before = () => {
          if (stage.router.table?.mode === "rollout") abort();
        };
      const { error, rollout } = await stage.run(
        when === "after the deployer died" ? third(stage) : owned(stage),
      );
      expect([codeOf(error), rollout.progress.phase]).toEqual(["HANDOVER_FAILED", "HELD"]);
      expect(stage.router.table).toMatchObject({ release: "r2", mode: "held", holdCode: "stranded" });
      expect(weights(stage)).toEqual({ g: 10_000, b: 0 });
      stage.before = () => {};
      // A person decides: the abort stands, and the next run tries again.
      stage.handingFails = false;
      expect(codeOf((await stage.run(owned(stage))).error)).toBe("ROLLED_BACK");
      expect(weights(stage)).toEqual({ b: 10_000 });
    },
  );

  it("leaves the traffic of services whose state is back, if another's cannot go back", async () => {
    const stage = await left();
    const { services, ...rest } = owned(stage);
    const [battle] = Object.values(services);
    const shop = {
      ...battle,
      blue: { processId: SHOP_BLUE, sourceHash: "o" },
      green: { processId: SHOP_GREEN, sourceHash: "n" },
    };
    const routes = (blue: string, green: string, share: number) => ({
      key: "sender",
      routes: [
        { processId: green, revision: green === GREEN ? "new" : "n", weightBp: share },
        { processId: blue, revision: blue === BLUE ? "old" : "o", weightBp: 10_000 - share },
      ],
    });
    const both = (share: number) => ({
      battle: routes(BLUE, GREEN, share),
      shop: routes(SHOP_BLUE, SHOP_GREEN, share),
    });
    stage.router.prove("r2", SHOP_GREEN, "n", "proven");
    stage.router.proven = { ...(stage.router.proven as Table), services: both(0) };
    stage.router.table = { ...(stage.router.table as Table), services: both(10_000), handed: undefined };
    stage.router.say("abort");
    Object.assign(stage, { handingFails: true, refusing: SHOP_BLUE });
    const wanted = { ...rest, services: { battle, shop } } as unknown as typeof rest & {
      services: typeof services;
    };
    expect(codeOf((await stage.run(wanted)).error)).toBe("HANDOVER_FAILED");
    expect([weights(stage), weights(stage, "shop")]).toEqual([
      { g: 0, b: 10_000 },
      { t: 10_000, s: 0 },
    ]);
  });

  it.each(["while the run is alive", "after the deployer died"])(
    "is not replaced by the state that an aborted release left (aborted %s) if the switch of a later run is lost",
    async (when) => {
      const stage = when === "after the deployer died" ? await left() : new Stage().steady();
      if (when === "after the deployer died") stage.router.say("abort");
      else {
        stage.before = () => {
          if (stage.router.table?.mode === "rollout") stage.router.say("abort");
        };
        expect(codeOf((await stage.run(owned(stage))).error)).toBe("ROLLOUT_ABORTED");
      }
      // The old revision serves, and its state changes. The next run hands it over, and its switch is lost.
      stage.before = (message, kind) => {
        if (kind === "set" && stage.handed.at(-1) === "battle b→c")
          throw unitSlow("messenger unit", "http://mu", message);
      };
      expect(codeOf((await stage.run(third(stage))).error)).toBe("SWITCH_UNKNOWN");
      const before = stage.handed.length;
      stage.before = () => {};
      stage.refusing = BLUE;
      expect((await stage.run(third(stage))).error).toBeUndefined();
      expect(stage.handed.slice(before)).toEqual(["battle b→c"]);
      expect(weights(stage)).toEqual({ c: 10_000, b: 0 });
    },
  );

  const partitioned = (stage: Stage, steps: number[]) => {
    const { services, ...rest } = stage.wanted({ steps: steps.map((weightBp) => ({ weightBp })) });
    const [battle] = Object.values(services);
    return { ...rest, services: { battle: { ...battle, state: "partitioned" } } } as typeof rest & {
      services: typeof services;
    };
  };

  it("whose rollout a person aborts before a later run's first message gets its state back in that run", async () => {
    const stage = new Stage().steady();
    stage.before = () => {
      if (stage.router.table?.mode === "rollout") throw new Killed();
    };
    await stage.run(owned(stage));
    let isOpen = true;
    stage.before = (_message, kind) => {
      if (kind === "set" && isOpen) stage.router.say("abort");
      if (kind === "set") isOpen = false;
    };
    const { error, rollout } = await stage.run(owned(stage));
    expect([codeOf(error), rollout.progress.phase]).toEqual(["ROLLED_BACK", "ROLLED_BACK"]);
    expect(stage.handed).toEqual(["battle b→g", "battle g→b"]);
  });

  describe.each(["abort", "lease"] as const)(
    "whose rollout an earlier router reverts (%s) while it runs",
    (why) => {
      /** Runs it until the router reverts the first step. */
      const reverted = async (state: "owned" | "partitioned", steps: number[], keeps = true) => {
        const stage = new Stage().steady();
        stage.before = (_message, kind) => {
          const { table } = stage.router;
          if (kind !== "read" || table?.mode !== "rollout") return;
          // With state handed over, the end of the lease, and an abort, would hold the table.
          if (stage.router.lease) stage.router.lease.onEnd = "revert";
          if (table.handed) stage.router.table = { ...table, handed: undefined };
          if (why === "abort") stage.router.say("abort");
          else stage.router.tick(600_000);
          const { services, salt, ...rest } = stage.router.reverted as NonNullable<
            Stage["router"]["reverted"]
          >;
          if (!keeps) stage.router.reverted = rest;
        };
        const { services, ...rest } = stage.wanted({ steps: steps.map((weightBp) => ({ weightBp })) });
        const [battle] = Object.values(services);
        const wanted = { ...rest, services: { battle: { ...battle, state } } } as typeof rest & {
          services: typeof services;
        };
        const { error } = await stage.run(wanted);
        expect(codeOf(error)).toBe(why === "abort" ? "ROLLOUT_ABORTED" : "LEASE_ENDED");
        return stage.handed;
      };

      it.each([true, false])(
        "keeps its state where it is if green never had it (the router records the routes: %s)",
        async (keeps) => {
          expect(await reverted("owned", [0, 10_000], keeps)).toEqual([]);
          expect(await reverted("partitioned", [0, 10_000], keeps)).toEqual([]);
        },
      );

      it("gets back the keys that green had, and accepts those of a step whose switch is refused", async () => {
        const stage = new Stage().steady();
        let step = 0;
        stage.before = (_message, kind) => {
          if (kind !== "set" || !stage.handed.includes("battle b→g 1000-5000") || step > 0) return;
          step = stage.router.table?.step ?? 0;
          if (stage.router.lease) stage.router.lease.onEnd = "revert";
          stage.router.table = { ...(stage.router.table as Table), handed: undefined };
          if (why === "abort") stage.router.say("abort");
          else stage.router.tick(600_000);
        };
        const { error, rollout } = await stage.run(partitioned(stage, [1000, 5000, 10_000]));
        expect([step, codeOf(error)]).toEqual([1, why === "abort" ? "ROLLOUT_ABORTED" : "LEASE_ENDED"]);
        expect(rollout.progress.phase).toBe("ROLLED_BACK");
        expect(stage.handed).toEqual([
          "battle b→g 0-1000",
          "battle b→g 1000-5000",
          "battle b serves on 1000-5000",
          "battle g→b 0-1000",
        ]);
        expect(stage.router.reverted?.returned).toBe(true);
      });

      it.each([true, false])(
        "gets back only the keys that green had (the router records the routes: %s)",
        async (keeps) => {
          expect(await reverted("partitioned", [1000, 5000, 10_000], keeps)).toEqual([
            "battle b→g 0-1000",
            "battle g→b 0-1000",
          ]);
        },
      );
    },
  );
});

describe("blue", () => {
  const service = (blue?: string) => ({
    key: "sender",
    state: "none" as const,
    green: { processId: GREEN, sourceHash: "new" },
    ...(blue === undefined ? {} : { blue: { processId: blue, sourceHash: "old" } }),
  });
  const table = (routes: [string, number][]) => ({
    services: {
      battle: {
        key: "sender",
        routes: routes.map(([processId, weightBp]) => ({ processId, revision: "r", weightBp })),
      },
    },
  });
  const blueOf = (declared: string | undefined, routes?: [string, number][]) =>
    withProvenBlue({ battle: service(declared) }, routes && table(routes)).battle?.blue?.processId;

  it("is the revision with the traffic; the declared one counts only before there is a table", () => {
    expect(blueOf(BLUE)).toBe(BLUE);
    expect(blueOf(BLUE, [[SHOP_BLUE, 10_000]])).toBe(SHOP_BLUE);
    expect(blueOf(undefined, [[BLUE, 10_000]])).toBe(BLUE);
  });

  it("is undefined if green has all traffic, whatever was declared when green was created", () => {
    expect(blueOf(BLUE, [[GREEN, 10_000]])).toBeUndefined();
    expect(
      blueOf(BLUE, [
        [GREEN, 10_000],
        [BLUE, 0],
      ]),
    ).toBeUndefined();
    expect(
      blueOf(BLUE, [
        [GREEN, 5000],
        [BLUE, 5000],
      ]),
    ).toBe(BLUE);
  });
});
