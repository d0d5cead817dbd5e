import { afterAll, beforeAll, expect, it } from "vitest";
import type { Ran } from "../e2e/project.ts";
import { fleet as fleetCommand } from "./fleet.ts";
import { type RolloutFleet, rolloutFleet } from "./rollout-fleet.ts";

type Way = { name: string; kind: string; warm?: string; carries?: boolean; drains?: boolean };
type Members = Record<string, { processId: string }>;

let fleet: RolloutFleet;
let first: string;

const INSTANT = { kind: "blue-green", intervalSeconds: 0, checks: [{ kind: "health" }] };
/** A tenth of the traffic, until a person promotes. */
const GATED = {
  ...INSTANT,
  trafficStrategy: "CANARY",
  steps: [{ weightBp: 1000, gate: "manual" }, { weightBp: 10_000 }],
};
const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);

const members = () => fleet.project.json<{ processes: Members }>("build/deployment-manifest.json").processes;
const idOf = (name: string) => members()[name]?.processId ?? "";
/** The processes of a service with their shares, without those that have none. */
async function sharesOf(name: string): Promise<Record<string, number>> {
  const { table } = await fleet.router();
  const routes = table?.services[name]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
  return Object.fromEntries(routes.map(({ processId, weightBp }) => [processId, weightBp]));
}
const waysOf = (ran: { stdout: string }, key: "ways" | "members"): Way[] => JSON.parse(ran.stdout)[key];

/** Callers, router, manifest and the stack's output agree that this process has all of battle's traffic, and the next `up` changes nothing. */
async function allAt(processId: string, edition: string): Promise<void> {
  const { table, proven } = await fleet.router();
  expect([table?.mode, proven?.services]).toEqual(["steady", table?.services]);
  expect(await sharesOf("battle")).toEqual({ [processId]: 10_000 });
  expect([processId, undefined]).toContain(table?.services.battle?.testers?.processId);
  expect(idOf("battle")).toBe(processId);
  expect((await fleet.project.output<Members>("processes")).battle?.processId).toBe(processId);
  expect(await fleet.hit()).toBe(edition);
  expect(await fleet.project.idle()).toBe("");
}

/** One story: each step continues after the one before. `all`: takes minutes. */
export function warmProcessStory(all: boolean): void {
  beforeAll(async () => {
    fleet = await rolloutFleet();
    await fleet.strategy(INSTANT);
    ok(await fleet.up());
    first = fleet.current();
    fleet.edition("battle", "second");
    ok(await fleet.up());
  }, 600_000);
  afterAll(() => fleet.project.close());

  it("an emergency is one message to the router, which the following run counts as done", async () => {
    const [now, spawned] = [idOf("battle"), await fleet.processes()];
    await fleet.takeSentToRouter();
    const ran = await fleet.back("--to", first, "--emergency");
    ok(ran);
    expect(ran.text).toContain("Callers of battle are back");
    expect(ran.text).toMatch(/traffic +COMPLETED .* \(already as declared\)/);
    const { SET_TRAFFIC, PROVE_TARGETS, TRAFFIC_COMMAND } = await fleet.takeSentToRouter();
    expect({ SET_TRAFFIC, PROVE_TARGETS, TRAFFIC_COMMAND }).toEqual({ SET_TRAFFIC: 1 });
    expect(await fleet.processes()).toBe(spawned);
    expect(idOf("battle")).not.toBe(now);
    expect(await sharesOf("battle")).toEqual({ [idOf("battle")]: 10_000 });
    expect(await fleet.hit()).toBe("first");
    // Until callers are back: the network's own status, then a message and its result for each of the table, three members and the warm
    // process, and the switch.
    const sent = ran.calls.findIndex(({ action }) => action === "SET_TRAFFIC");
    expect(ran.calls.slice(0, sent + 2).map(({ method }) => method)).toHaveLength(1 + 2 * 6);
    expect(ran.calls.filter(({ action }) => action !== undefined).map(({ action }) => action)).toEqual([
      "GET_TRAFFIC",
      "SET_TRAFFIC",
    ]);
  });

  if (!all) return;

  /** Follows the program again, and returns battle's process then. */
  async function forward(): Promise<Ran> {
    ok(await fleet.back("--clear"));
    return fleet.up();
  }

  it("follows the program again as previewed, to the warm process", async () => {
    await allAt(idOf("battle"), "first");
    const [was, spawned] = [idOf("battle"), await fleet.processes()];
    ok(await fleet.back("--clear"));
    const plan = await fleet.project.pulumi(["preview"]);
    expect(plan.text).toContain("battle: back to a held revision");
    const updated = ({ text }: Ran) => [...text.matchAll(/ao:Process (\w+) update/g)].map(([, name]) => name);
    expect(updated(plan)).toEqual(["battle"]);
    const ran = await fleet.up();
    ok(ran);
    expect(updated(ran)).toEqual(["battle"]);
    expect(await fleet.processes()).toBe(spawned);
    expect(idOf("battle")).not.toBe(was);
    await allAt(idOf("battle"), "second");
  });

  it("rolls back from a canary that waits at a tenth, and starts it again without the pin", async () => {
    const [proven, current] = [idOf("battle"), fleet.current()];
    await fleet.strategy(GATED);
    fleet.edition("battle", "third");
    const waits = await fleet.up();
    expect(waits.text).toContain("GATE");
    const canary = await sharesOf("battle");
    expect(canary[proven]).toBe(9000);
    const green = Object.keys(canary).find((id) => id !== proven);
    expect((await fleet.router()).table?.services.battle?.testers?.processId).toBe(green);
    expect(idOf("battle")).toBe(proven);
    const spawned = await fleet.processes();
    const shown = await fleet.back("--to", current, "--dry-run", "--json");
    ok(shown);
    expect(waysOf(shown, "ways").map(({ name, kind, warm }) => [name, kind, warm])).toEqual([
      ["battle", "warm", proven],
      ["coordinator", "settings", undefined],
      ["shop", "settings", undefined],
    ]);
    expect(shown.text).toContain(`warm revision ${proven.slice(0, 8)} reactivated`);
    const ran = await fleet.back("--to", current, "--yes");
    ok(ran);
    expect(await fleet.processes()).toBe(spawned);
    await allAt(proven, "second");
    const again = await forward();
    expect(again.text).toContain("GATE");
    expect(await fleet.processes()).toBe(spawned);
    expect(await sharesOf("battle")).toEqual(canary);
    expect((await fleet.router()).table?.services.battle?.testers?.processId).toBe(green);
  });

  it("aborts such a canary in an emergency, in one message", async () => {
    const [proven, current, spawned] = [idOf("battle"), fleet.current(), await fleet.processes()];
    await fleet.takeSentToRouter();
    const ran = await fleet.back("--to", current, "--emergency");
    ok(ran);
    expect(ran.calls.flatMap(({ action }) => action ?? [])).toEqual(["GET_TRAFFIC", "TRAFFIC_COMMAND"]);
    const { TRAFFIC_COMMAND, PROVE_TARGETS } = await fleet.takeSentToRouter();
    expect([TRAFFIC_COMMAND, PROVE_TARGETS]).toEqual([1, undefined]);
    expect(await fleet.processes()).toBe(spawned);
    await allAt(proven, "second");
    const again = await forward();
    expect(again.text).toContain("GATE");
    ok(await fleetCommand(fleet.project, ["promote"]));
    ok(await fleet.up());
    expect(idOf("battle")).not.toBe(proven);
    await allAt(idOf("battle"), "third");
  });

  it("hands the current state over to the warm process of a member that owns its state", async () => {
    const before = fleet.current();
    let sold = await fleet.sell();
    await fleet.strategy(INSTANT);
    fleet.edition("shop", "second");
    const was = idOf("shop");
    ok(await fleet.up());
    expect(await fleet.sell()).toBe(++sold);
    const spawned = await fleet.processes();
    const shown = await fleet.back("--to", before, "--dry-run", "--json");
    ok(shown);
    expect(waysOf(shown, "ways").find(({ name }) => name === "shop")).toMatchObject({
      kind: "warm",
      warm: was,
      carries: true,
      drains: true,
    });
    expect(shown.text).toMatch(/shop +warm revision .* present state handed over/);
    const ran = await fleet.back("--to", before, "--emergency");
    ok(ran);
    // Its callers follow with the state, in the run.
    expect(ran.calls.flatMap(({ action }) => action ?? [])).toEqual(["GET_TRAFFIC"]);
    expect(ran.text).toMatch(/shop +handed over state/);
    expect([idOf("shop"), await fleet.processes()]).toEqual([was, spawned]);
    expect(await fleet.sell()).toBe(++sold);
    expect(await fleet.project.idle()).toBe("");
    ok(await forward());
    expect(await fleet.sell()).toBe(++sold);
  });

  it("creates a new process next to the serving one if the old one is retired, and hands the state over", async () => {
    await fleet.strategy({ ...INSTANT, windowSeconds: 0 });
    const sold = await fleet.sell();
    for (const next of ["third", "fourth"]) {
      fleet.edition("shop", next);
      ok(await fleet.up());
    }
    const spawned = await fleet.processes();
    const shown = await fleet.back("--to", first, "--only", "shop", "--dry-run", "--json");
    ok(shown);
    expect(waysOf(shown, "ways")).toMatchObject([{ name: "shop", kind: "next", carries: true }]);
    expect(shown.text).toMatch(/shop +new process next to the one that serves, .* present state handed over/);
    ok(await fleet.back("--to", first, "--only", "shop", "--yes"));
    expect(await fleet.processes()).toBe(spawned + 1);
    expect(await fleet.sell()).toBe(sold + 1);
    // Only that one was rolled back.
    expect(await fleet.hit()).toBe("third");
    expect(await fleet.project.idle()).toBe("");
  });
}
