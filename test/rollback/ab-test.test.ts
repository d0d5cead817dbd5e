/** A steady split with the real pulumi in real aos: the half that is not the member breaks, is found, and is repaired; then the test ends. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet as fleetCommand } from "./fleet.ts";
import { type RolloutFleet, rolloutFleet } from "./rollout-fleet.ts";

let fleet: RolloutFleet;
let old: string;

const INSTANT = { kind: "blue-green", intervalSeconds: 0, checks: [{ kind: "health" }] };
const idOf = (name: string) =>
  fleet.project.json<{ processes: Record<string, { processId: string }> }>("build/deployment-manifest.json")
    .processes[name]?.processId ?? "";
const shares = async () => {
  const { table } = await fleet.router();
  return Object.fromEntries(
    (table?.services.battle?.routes ?? []).map(({ processId, weightBp }) => [processId, weightBp]),
  );
};
const run = (...words: string[]) => fleetCommand(fleet.project, words);
const planned = () => run("deploy", "--refresh", "--dry-run");

describe("an A/B test", { timeout: 240_000 }, () => {
  beforeAll(async () => {
    fleet = await rolloutFleet();
    await fleet.strategy(INSTANT);
    const first = await fleet.up();
    expect([first.code, first.code === 0 ? "" : first.text]).toEqual([0, ""]);
    old = idOf("battle");
    fleet.edition("battle", "second");
    await fleet.strategy({ ...INSTANT, trafficStrategy: "A_B_TEST" });
    const split = await fleet.up();
    expect([split.code, split.code === 0 ? "" : split.text]).toEqual([0, ""]);
    expect(await shares()).toEqual({ [old]: 5000, [idOf("battle")]: 5000 });
  }, 300_000);
  afterAll(() => fleet.project.close());

  it("whose other half was changed by hand is reported by status and by a refresh, and repaired by the next deployment", async () => {
    expect((await run("status")).code).toBe(0);
    const hack = 'Handlers.prepend("hack", { Action = "HIT" }, function() end)';
    expect((await run("call", old, "Eval", "--raw", "--data", hack)).code).toBe(0);
    const status = await run("status");
    const named = `${old.slice(0, 8)}, which also has traffic: changed by hand: handlers were added: hack`;
    expect(status.code).toBe(1);
    expect(status.text).toContain(`battle (${old.slice(0, 8)}): code is UNHEALTHY`);
    const plan = await planned();
    expect(plan.text).toContain(named);
    expect(plan.text).not.toContain("No changes");
    const repaired = await run("deploy", "--refresh", "--yes");
    expect([repaired.code, repaired.code === 0 ? "" : repaired.text]).toEqual([0, ""]);
    expect(repaired.text).toMatch(/repaired +changed by hand: handlers were added: hack/);
    expect((await run("status")).code).toBe(0);
    expect((await planned()).text).toContain("No changes: everything runs as declared.");
    expect(await fleet.project.idle()).toBe("");
    expect(await shares()).toEqual({ [old]: 5000, [idOf("battle")]: 5000 });
  });

  it("is ended by another strategy, as the refusal of promote explains", async () => {
    const refused = await run("promote");
    expect(refused.code).toBe(1);
    expect(refused.text).toContain("[NO_ROLLOUT]");
    expect(refused.text).toContain("set another trafficStrategy (INSTANT) and run fleet deploy");
    await fleet.strategy(INSTANT);
    const ended = await run("deploy", "--yes");
    expect([ended.code, ended.code === 0 ? "" : ended.text]).toEqual([0, ""]);
    expect((await shares())[idOf("battle")]).toBe(10_000);
    expect(await fleet.hit()).toBe("second");
    expect(await fleet.project.idle()).toBe("");
  });
});
