import { beforeAll, describe, expect, it } from "vitest";
import { needsOf, usedModules } from "../../components/needs.ts";
import { planFleet } from "../../components/plan.ts";
import type { Running } from "../../components/running-release.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

const MODULE = "m".repeat(43);
const nothing: Running = () => undefined;

beforeAll(() => {
  enterFolder("needs");
  writeFiles({ "processes/shop/process.lua": "return 1\n", "processes/bank/process.lua": "return 2\n" });
});

const plan = (kind: string, shop: Record<string, unknown> = {}) =>
  planFleet(
    { network: { kind }, module: MODULE, processes: { shop, bank: { lib: false } } },
    { home: ".fleet", build: "build" },
    nothing,
  );

describe("what a plan needs of its network", () => {
  it("is each module and each device once, on a node", async () => {
    const made = await plan("mainnet", { tags: { "Execution-Device": "lua@5.3a" } });
    expect(needsOf(made, nothing)).toMatchObject({
      modules: [MODULE],
      devices: expect.arrayContaining(["genesis-wasm@1.0", "lua@5.3a"]),
      upload: false,
    });
    expect(usedModules(await plan("mainnet"))).toEqual([{ id: MODULE, device: "genesis-wasm@1.0" }]);
  });

  it("is no device on legacy units", async () => {
    const made = await plan("legacy");
    expect(needsOf(made, nothing)).toMatchObject({ modules: [MODULE], devices: [] });
    expect(usedModules(made)).toEqual([]);
  });

  it("is a payment for what is spawned, loaded, probed and set, and none for what runs as declared", async () => {
    const made = await plan("mainnet", { config: { ENVIRONMENT_VARS: { A: "1" } } });
    const members = made.levels.flat();
    const bytes = members.reduce((sum, { declared }) => sum + declared.bytes, 0);
    const [first] = members;
    expect(needsOf(made, nothing).spending).toMatchObject({ spawns: 2, messages: 5, isCertain: false });
    expect(needsOf(made, nothing, true).spending).toMatchObject({ spawns: 2, messages: 5, isCertain: true });
    expect(needsOf(made, nothing).spending?.bytes).toBeGreaterThan(bytes);
    const running: Running = (name) => members.find((member) => member.name === name)?.declared;
    expect(needsOf(made, running).spending).toBeUndefined();
    const other: Running = (name) =>
      name === first?.name ? { ...first.declared, sourceHash: "0".repeat(64) } : running(name);
    // The release that this machine knows may be older than the one that runs.
    expect(needsOf(made, other).spending).toMatchObject({ spawns: 0, messages: 2, isCertain: false });
    // Nothing runs on a node that is used for the first time.
    expect(needsOf(made, other, true).spending).toMatchObject({ spawns: 2, messages: 5, isCertain: true });
  });

  it("is the module and the device of new processes alone, and of all of them where nothing is known to run", async () => {
    const made = await plan("mainnet", { tags: { "Execution-Device": "lua@5.3a" } });
    const members = made.levels.flat();
    const declaredOf = (name: string) => members.find((member) => member.name === name)?.declared;
    const needed = (running: Running, plan: typeof made = made, isNewNode = false) => {
      const { modules, devices, mayRun = false } = needsOf(plan, running, isNewNode);
      return { modules, devices, mayRun };
    };
    const nowhere = { modules: [], devices: [], mayRun: false };
    expect(needed(declaredOf)).toEqual(nowhere);
    expect(needed((name) => (name === "bank" ? declaredOf(name) : undefined))).toEqual({
      ...{ modules: [MODULE], devices: ["lua@5.3a"], mayRun: false },
    });
    const all = { modules: [MODULE], devices: expect.arrayContaining(["genesis-wasm@1.0", "lua@5.3a"]) };
    expect(needed(nothing)).toEqual({ ...all, mayRun: true });
    expect(needed(declaredOf, made, true)).toEqual({ ...all, mayRun: false });
    // A new revision is loaded in place, or gets a process of its own.
    const changed: Running = (name) => {
      const declared = declaredOf(name);
      return declared && name === "shop" ? { ...declared, sourceHash: "0".repeat(64) } : declared;
    };
    const blueGreen = { ...made, rollout: { ...made.rollout, inNewProcess: new Set(["shop"]) } };
    expect(
      needed(changed, { ...made, rollout: { ...made.rollout, inNewProcess: new Set<string>() } }),
    ).toEqual(nowhere);
    expect(needed(changed, blueGreen)).toEqual({ ...nowhere, modules: [MODULE], devices: ["lua@5.3a"] });
    expect(needed(declaredOf, blueGreen)).toEqual(nowhere);
  });
});
