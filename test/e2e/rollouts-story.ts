import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { status } from "../../src/localnet/index.ts";
import { newPlayer, type Player } from "./player.ts";
import { newProject, type Project, type Ran } from "./project.ts";
import { Crowd, rollingFleet, type Seen, upWith } from "./rollouts.ts";

type Members = Record<string, { processId: string; health: string }>;

let project: Project;
let players: Player[];
let ids: Members;
/** The shop's sales, as its clients know them. */
let sold = 0;

/** One second for each step, and verdicts from the few requests of that time. */
const QUICK = {
  kind: "blue-green",
  intervalSeconds: 1,
  checks: [{ kind: "health" }, { kind: "errorRate", minSamples: 3, max: 0.2, tolerance: 0.2 }],
  probes: 3,
  windowSeconds: 0,
};
/** The same, with the invariant that the sales must not decrease. */
const WHOLE = {
  ...QUICK,
  checks: [
    ...QUICK.checks,
    { kind: "invariant", name: "sold", service: "shop", action: "SUM", path: "sum", relation: "notLess" },
  ],
};
const up = (strategy: unknown): Promise<Ran> => project.pulumi(upWith(strategy));
const preview = (strategy: unknown): Promise<Ran> =>
  project.pulumi(["preview", "--config", `strategy=${JSON.stringify(strategy)}`]);
const now: Record<string, string> = { battle: "first", shop: "first" };
function edition(member: "battle" | "shop", to: string): void {
  project.edit(`processes/${member}/process.lua`, `edition = "${now[member]}"`, `edition = "${to}"`);
  now[member] = to;
}
/** The `fleet` command in the project's folder. */
const fleet = (...args: string[]): Promise<{ code: number; stdout: string }> =>
  new Promise((done) => {
    const env = {
      ...process.env,
      PULUMI_BACKEND_URL: project.backend,
      PULUMI_CONFIG_PASSPHRASE: "only a test",
    };
    const words = [resolve("src/cli/fleet.mjs"), ...args];
    const child = execFile(process.execPath, words, { cwd: project.dir, env }, (_error, stdout) =>
      done({ code: child.exitCode ?? 1, stdout }),
    );
  });
const editionsOf = (seen: readonly Seen[]) => [...new Set(seen.map((one) => one.edition))];

/** A release while clients send: what they saw, and that no sale was lost or counted twice. */
async function upUnderLoad(strategy: unknown): Promise<{ ran: Ran; crowd: Crowd }> {
  const crowd = new Crowd(players, ids.coordinator?.processId ?? "");
  const ran = await up(strategy);
  await crowd.stop();
  const sales = crowd.of("shop");
  expect(sales.length).toBeGreaterThan(0);
  expect(sales.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(sales.map(({ sum }) => sum)).toEqual(sales.map((_sale, index) => sold + index + 1));
  sold += sales.length;
  const before = ids;
  ids = await project.output<Members>("processes");
  expect(ids.coordinator).toEqual(before.coordinator);
  return { ran, crowd };
}

/** One story: each release continues after the one before. `all`: one for each strategy, which takes minutes. */
export function tellStory(all: boolean): void {
  beforeAll(async () => {
    project = await newProject("rolling", rollingFleet());
  });
  afterAll(() => project.close());

  /** What runs before the first green. */
  const earlier = all ? "third" : "first";

  it("starts with a fleet in place", async () => {
    const ran = await up("parallel");
    expect(ran.text).not.toContain("error");
    expect(ran.code).toBe(0);
    expect(await project.idle()).toBe("");
    ids = await project.output<Members>("processes");
    const { info } = await status(join(project.dir, ".fleet/localnet"));
    if (!info) throw new Error("the network is down");
    const network = info;
    players = await Promise.all([newPlayer(network), newPlayer(network)]);
  });

  if (all) {
    it("sequential: one member at a time, in place", async () => {
      edition("battle", "second");
      edition("shop", "second");
      const before = ids;
      const { ran, crowd } = await upUnderLoad("sequential");
      expect(ran.code).toBe(0);
      expect(ids).toEqual(before);
      const at = (text: string) => ran.text.search(new RegExp(text));
      expect(at("battle +ready")).toBeLessThan(at("shop +loaded"));
      expect(crowd.of("battle").filter(({ error }) => error !== undefined)).toEqual([]);
      expect(crowd.of("shop").at(-1)?.edition).toBe("second");
      expect(await project.idle()).toBe("");
    });

    it("rolling: the next batch after the one before stayed healthy", async () => {
      edition("battle", "third");
      edition("shop", "third");
      const { ran, crowd } = await upUnderLoad({ kind: "rolling", maxParallel: 1, minHealthySeconds: 1 });
      expect(ran.code).toBe(0);
      expect(crowd.of("battle").at(-1)?.edition).toBe("third");
      expect(await project.idle()).toBe("");
    });
  }

  it("blue-green INSTANT: both services in one message, the shop's sum handed over", async () => {
    edition("battle", "fourth");
    edition("shop", "fourth");
    const before = ids;
    if (!all) expect((await preview(WHOLE)).text).toMatch(/ao:Traffic rolling-traffic create/);
    const { ran, crowd } = await upUnderLoad(WHOLE);
    expect(ran.text).toMatch(/shop +handed over state .* equal/);
    expect(ran.text).toMatch(/invariant sold passes: sum of shop was \d+ and is \d+/);
    expect(ran.text).toMatch(/traffic +COMPLETED/);
    expect(ran.code).toBe(0);
    expect(ids.shop?.processId).not.toBe(before.shop?.processId);
    expect(ids.battle?.processId).not.toBe(before.battle?.processId);
    const manifest = project.json<{ processes: Members }>("build/deployment-manifest.json");
    expect(manifest.processes.shop?.processId).toBe(ids.shop?.processId);
    expect(editionsOf(crowd.of("shop"))).toEqual([earlier, "fourth"]);
    expect(crowd.of("battle").filter(({ error }) => error !== undefined)).toEqual([]);
    expect(await project.idle()).toBe("");
  });

  it("returns to a kept revision without a spawn, and takes the sum along", async () => {
    edition("battle", earlier);
    edition("shop", earlier);
    const plan = await preview(QUICK);
    expect(plan.text).toMatch(/ao:Traffic rolling-traffic update/);
    expect(plan.text).toMatch(/traffic: shop moves from [0-9a-f]{8} to [0-9a-f]{8}/);
    const { ran, crowd } = await upUnderLoad(QUICK);
    // The preview showed the run's changes: wirings and config of other processes, too.
    const changed = ({ text }: Ran) => [...new Set(text.match(/~ +ao:\w+ \S+/g))].sort();
    expect(changed(plan)).toEqual(changed(ran));
    expect(plan.text).toContain("peer shop will have another process id");
    expect(ran.text).toMatch(/shop +warm/);
    expect(ran.text).not.toMatch(/(shop|battle) +spawned/);
    expect(ran.code).toBe(0);
    expect(editionsOf(crowd.of("shop"))).toEqual(["fourth", earlier]);
    expect(await project.idle()).toBe("");
  });

  if (all) {
    it("CANARY: an unhealthy green gets no traffic at all", async () => {
      edition("battle", "sick");
      project.edit(
        "processes/battle/process.lua",
        "local faulty",
        'fleet.check("shelf", "READINESS", function() return false, "empty" end)\nlocal faulty',
      );
      const before = ids;
      const { ran, crowd } = await upUnderLoad({ ...QUICK, trafficStrategy: "CANARY" });
      expect(ran.code).not.toBe(0);
      expect(ran.text).toContain("battle is deployed but UNHEALTHY");
      expect(ids.battle?.processId).toBe(before.battle?.processId);
      expect(editionsOf(crowd.of("battle"))).toEqual([earlier]);
      project.edit("processes/battle/process.lua", "return false", "return true");
      edition("battle", earlier);
    });
  }

  it("CANARY: a green with faults is rolled back by itself", async () => {
    edition("battle", "faulty");
    project.edit("processes/battle/process.lua", "faulty = false", "faulty = true");
    const before = ids;
    const { ran, crowd } = await upUnderLoad({
      ...QUICK,
      trafficStrategy: "CANARY",
      checks: [
        ...QUICK.checks,
        { kind: "probe", name: "hits", service: "battle", action: "HIT", expect: { success: true } },
      ],
    });
    expect(ran.code).not.toBe(0);
    expect(ran.text).toContain("ROLLED_BACK");
    expect(ids.battle?.processId).toBe(before.battle?.processId);
    expect(crowd.of("battle").at(-1)?.edition).toBe(earlier);
    project.edit("processes/battle/process.lua", "faulty = true", "faulty = false");
    edition("battle", "fifth");
  });

  it("names the serving revision after an abort, even after another stack was deployed in the folder", async () => {
    const steps = [{ weightBp: 3000, gate: "manual" }, { weightBp: 10_000 }];
    const canary = { ...QUICK, trafficStrategy: "CANARY", checks: [{ kind: "health" }], steps };
    const ran = await up(canary);
    expect(ran.text).toContain("[GATE]");
    expect((await fleet("abort")).code).toBe(0);
    project.write("Pulumi.two.yaml", project.text("Pulumi.dev.yaml"));
    for (const args of [
      ["stack", "init", "two", "--no-select"],
      [...upWith("sequential"), "--stack", "two"],
    ])
      expect(await project.pulumi(args)).toMatchObject({ code: 0 });
    expect(project.json("build/deployment-manifest.json")).toMatchObject({ stack: "two" });
    const battle = { name: "battle", processId: ids.battle?.processId };
    const seen = async () => {
      const status = JSON.parse((await fleet("status", "--quick", "--json", "--stack", "dev")).stdout);
      const call = JSON.parse((await fleet("call", "battle", "HIT", "--json", "--stack", "dev")).stdout);
      return [status.processes, call.data];
    };
    const right = [expect.arrayContaining([expect.objectContaining(battle)]), { edition: earlier }];
    expect(await seen()).toMatchObject(right);
    // As in a fresh clone: neither a manifest nor a release, but the state.
    for (const folder of ["build", ".fleet/releases"]) rmSync(join(project.dir, folder), { recursive: true });
    expect(await seen()).toMatchObject(right);
    const { text } = await preview(canary);
    expect(text).toContain(
      "the last rollout ended HELD, according to the state: pulumi refresh asks the router",
    );
  });

  if (all) {
    it("GRADUAL: more and more, until all traffic is green's", async () => {
      const { ran, crowd } = await upUnderLoad({ ...QUICK, trafficStrategy: "GRADUAL" });
      expect(ran.code).toBe(0);
      for (const share of ["10 %", "25 %", "50 %", "75 %", "100 %"])
        expect(ran.text).toContain(`of 5, ${share}`);
      expect(crowd.of("battle").filter(({ error }) => error !== undefined)).toEqual([]);
      expect(crowd.of("battle").at(-1)?.edition).toBe("fifth");
      expect(await project.idle()).toBe("");
    });

    it("CANARY: a small share for three intervals, then all traffic", async () => {
      edition("battle", "sixth");
      const { ran, crowd } = await upUnderLoad({ ...QUICK, trafficStrategy: "CANARY" });
      expect(ran.code).toBe(0);
      expect(ran.text).toMatch(/traffic +COMPLETED/);
      expect(crowd.of("battle").filter(({ error }) => error !== undefined)).toEqual([]);
      expect(crowd.of("battle").at(-1)?.edition).toBe("sixth");
      expect(await project.idle()).toBe("");
    });

    it("A_B_TEST: a steady split without a promotion", async () => {
      edition("battle", "seventh");
      const { ran, crowd } = await upUnderLoad({ ...QUICK, trafficStrategy: "A_B_TEST" });
      expect(ran.code).toBe(0);
      expect(crowd.of("battle").filter(({ error }) => error !== undefined)).toEqual([]);
      expect(await project.idle()).toBe("");
    });
  }
}
