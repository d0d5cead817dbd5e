/** The salt that assigns callers to revisions: whoever knows it chooses wallets that get green. */
import { describe, expect, it } from "vitest";
import { newSalt, type Wanted, withSalt } from "../../providers/traffic/plan.ts";
import { FleetError } from "../../src/core/errors.ts";
import { BLUE, GREEN, Killed, Stage } from "./stage.ts";

const codeOf = (error: unknown) => (error instanceof FleetError ? error.code : error);

describe("the salt that assigns callers to revisions", () => {
  const held = (stage: Stage) =>
    stage.wanted({ steps: [{ weightBp: 3000, gate: "manual" }, { weightBp: 10_000 }] });
  it("is new for each attempt, and kept by the router for the runs that continue it", async () => {
    const stage = new Stage().steady();
    expect(codeOf((await stage.run(held(stage))).error)).toBe("GATE");
    const first = stage.router.table?.salt;
    // Another run finds the gate, and a third one is let through.
    await stage.run(held(stage));
    expect(stage.router.table?.salt).toBe(first);
    stage.router.say("abort");
    expect(codeOf((await stage.run(held(stage))).error)).toBe("GATE");
    const second = stage.router.table?.salt;
    expect(second).not.toBe(first);
    stage.router.say("promote");
    expect((await stage.run(held(stage))).error).toBeUndefined();
    expect(stage.router.proven).toMatchObject({ release: "r2", mode: "steady", salt: second });
    const { sets } = stage;
    expect((await stage.run(held(stage))).error).toBeUndefined();
    expect(stage.sets).toBe(sets);
  });
  it("stays where nothing moves, so that the halves of an A/B test keep their callers", async () => {
    const stage = new Stage().steady();
    await stage.run(stage.wanted({ trafficStrategy: "A_B_TEST" }));
    const salt = stage.router.proven?.salt;
    const next = stage.wanted({ trafficStrategy: "A_B_TEST" }, { release: "r3" });
    expect((await stage.run(next)).error).toBeUndefined();
    expect(stage.router.proven).toMatchObject({ release: "r3", salt });
  });
  it("is the release on a router that does not record the salt of what it reverts, and as declared if it is", () => {
    const wanted = new Stage().wanted({});
    expect(withSalt(wanted, {}).salt).toBeUndefined();
    expect(withSalt({ ...wanted, salt: "mine" }, { holdCodes: [] }).salt).toBe("mine");
    const [one, two] = [withSalt(wanted, { holdCodes: [] }).salt, newSalt()];
    expect(one).toMatch(/^[0-9a-f]{32}$/);
    expect(two).not.toBe(one);
  });
  it("stays while a rollout continues a permanent split, so that no caller changes sides", async () => {
    const stage = new Stage().steady();
    await stage.run(stage.wanted({ trafficStrategy: "A_B_TEST" }));
    const salt = stage.router.proven?.salt;
    const seen = new Set<unknown>();
    stage.before = () => seen.add(stage.router.table?.salt);
    const gated = { steps: [{ weightBp: 6000, gate: "manual" as const }, { weightBp: 10_000 }] };
    for (const release of ["r2", "r3"]) {
      expect(codeOf((await stage.run(stage.wanted(gated, { release }))).error)).toBe("GATE");
      stage.router.say("abort");
    }
    expect((await stage.run(stage.wanted({ trafficStrategy: "GRADUAL" }))).error).toBeUndefined();
    expect(seen).toEqual(new Set([salt]));
  });
  it("is new after a split whose revisions do not stay, unless the state is with them by key", () => {
    const stage = new Stage();
    const split = [GREEN, BLUE].map((processId) => ({ processId, revision: "x", weightBp: 5000 }));
    const services = { battle: { key: "sender", routes: split } };
    const table = { release: "r2", step: 2, salt: "known", mode: "steady", at: 1, services } as const;
    const next = (state: "none" | "partitioned"): Wanted => {
      const wanted = stage.wanted({}, { release: "r3" });
      const battle = {
        ...wanted.services.battle,
        state,
        green: { processId: "n".repeat(43), sourceHash: "n" },
      };
      return { ...wanted, services: { battle } } as Wanted;
    };
    const of = (wanted: Wanted) => withSalt(wanted, { table, holdCodes: [] }, () => "new").salt;
    expect([of(next("none")), of(next("partitioned"))]).toEqual(["new", "known"]);
  });
  it.each(["read", "prove", "set"] as const)(
    "is that of an earlier run whose message arrives late, before a message of the next run (%s)",
    async (kind) => {
      const stage = new Stage().steady();
      const wanted = stage.wanted({ steps: [{ weightBp: 3000 }, { weightBp: 10_000 }] });
      // The first run's message is under way when it dies.
      let late: (() => void) | undefined;
      const set = stage.router.set.bind(stage.router);
      stage.router.set = (message) => {
        late = () => void set(message);
        throw new Killed();
      };
      await stage.run(wanted);
      stage.router.set = set;
      let left = kind === "read" ? 2 : 1;
      const salts = new Set<unknown>();
      stage.before = (_number, now) => {
        if (now === kind) left -= 1;
        if (now === kind && left === 0) late?.();
        salts.add(stage.router.table?.salt);
      };
      expect((await stage.run(wanted)).error).toBeUndefined();
      expect(salts).toEqual(new Set(["r1", "r2"]));
      expect(stage.router.proven).toMatchObject({ release: "r2", salt: "r2", mode: "steady" });
    },
  );
});
