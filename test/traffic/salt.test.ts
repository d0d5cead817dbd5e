/** The salt that assigns callers to revisions: whoever knows it chooses wallets that get green. */
import { describe, expect, it } from "vitest";
import { withSalt } from "../../providers/traffic/plan.ts";
import { FleetError } from "../../src/core/errors.ts";
import { Stage } from "./stage.ts";

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
    const [one, two] = [withSalt(wanted, { holdCodes: [] }).salt, withSalt(wanted, { holdCodes: [] }).salt];
    expect(one).toMatch(/^[0-9a-f]{32}$/);
    expect(two).not.toBe(one);
  });
});
