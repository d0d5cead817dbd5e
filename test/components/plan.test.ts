import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { levelsOf } from "../../components/graph.ts";
import { planFleet } from "../../components/plan.ts";
import type { Running } from "../../components/running-release.ts";
import { nearest } from "../../src/fleet/nearest.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";
import { declaredProcess } from "../kit/release.ts";

const folders = { home: ".fleet", build: "build" };
const nothing: Running = () => undefined;
const local = { kind: "local", dir: ".fleet/localnet" };

beforeAll(() => {
  enterFolder("plan");
  for (const name of ["coordinator", "battle", "shop"]) {
    writeFiles({
      [`processes/${name}/process.lua`]: `local util = require("${name}.util")\nreturn util\n`,
      [`processes/${name}/util.lua`]: "return {}\n",
    });
  }
});

const plan = (processes: Record<string, unknown>, extra: Record<string, unknown> = {}, running = nothing) =>
  planFleet({ network: local, processes, ...extra }, folders, running);

describe("a declaration", () => {
  it("is sorted into levels, bundled, and its bundles are stored by name and by content", async () => {
    const made = await plan({ battle: { dependsOn: ["coordinator"] }, coordinator: { peers: ["battle"] } });
    expect(made.levels.map((level) => level.map(({ name }) => name))).toEqual([["coordinator"], ["battle"]]);
    const battle = made.levels[1]?.[0]?.declared;
    expect(Object.keys(battle?.modules ?? {})).toContain("battle.util");
    const text = await readFile("build/battle-process.lua", "utf8");
    expect(Buffer.byteLength(text)).toBe(battle?.bytes);
  });

  it("warns of a cron on a network whose messages are permanent, with their number a day", async () => {
    const network = { kind: "legacy", uploadUrl: "https://up.example" };
    const crons = { battle: { tags: { "Cron-Interval": "30-seconds", "Cron-Tag-Action": "TICK" } } };
    const { warnings } = await plan(crons, { network });
    expect(warnings.find(({ code }) => code === "CRON_PERMANENT")?.what).toContain("ticks 2,880 times a day");
    expect((await plan(crons)).warnings.map(({ code }) => code)).not.toContain("CRON_PERMANENT");
  });

  it("makes the same plan on every machine and in every folder", async () => {
    const first = await plan({ battle: {} });
    const second = await plan({ battle: {} });
    expect(second.levels).toEqual(first.levels);
  });

  it("reports every problem at once, each at its path", async () => {
    const found = await problemsOf(
      plan({
        battle: { dependOn: ["coordinator"], config: { PROCESS_CONFIG: { maxConcurrentRequests: -1 } } },
        Shop: {},
      }),
    );
    const codes = found.map(({ code, at }) => `${code} ${at}`);
    expect(codes).toContain("UNKNOWN_KEY processes.battle.dependOn");
    expect(codes).toContain("BAD_VALUE processes.battle.config.PROCESS_CONFIG.maxConcurrentRequests");
    expect(codes).toContain("BAD_VALUE processes.Shop");
    expect(found.find(({ code }) => code === "UNKNOWN_KEY")?.expected).toContain("dependsOn");
  });

  it("reports unknown dependencies and peers with the nearest member", async () => {
    const found = await problemsOf(
      plan({ battle: { dependsOn: ["cordinator"], peers: ["shopp"] }, coordinator: {}, shop: {} }),
    );
    expect(found.map(({ code, at }) => `${code} ${at}`)).toEqual([
      "UNKNOWN_DEPENDENCY processes.battle.dependsOn.0",
      "UNKNOWN_PEER processes.battle.peers.0",
    ]);
    expect(found[0]?.expected).toContain('"coordinator"');
  });

  it("reports a cycle by its members", async () => {
    const found = await problemsOf(
      plan({
        battle: { dependsOn: ["shop"] },
        shop: { dependsOn: ["coordinator"] },
        coordinator: { dependsOn: ["battle"] },
      }),
    );
    expect(found[0]).toMatchObject({ code: "DEPENDENCY_CYCLE", got: "battle → shop → coordinator → battle" });
  });

  it("allows cycles among peers", async () => {
    const made = await plan({ battle: { peers: ["shop"] }, shop: { peers: ["battle"] } });
    expect(made.levels).toHaveLength(1);
  });

  it("reports every source problem at once, at file, line and column", async () => {
    writeFiles({ "processes/broken/process.lua": "local x = = 1\n" });
    writeFiles({
      "processes/lost/process.lua": 'local a = 1\nlocal m = require("lost.nowhere")\nreturn m\n',
    });
    const found = await problemsOf(plan({ broken: {}, lost: {} }));
    expect(found.map(({ at }) => at)).toEqual([
      expect.stringMatching(/^processes\/broken\/process\.lua:1:/),
      expect.stringMatching(/^processes\/lost\/process\.lua:2:/),
    ]);
  });

  it("reports a ledger that is not a member", async () => {
    const found = await problemsOf(plan({ battle: {} }, { ledger: "ledger" }));
    expect(found[0]).toMatchObject({ code: "UNKNOWN_LEDGER", at: "ledger" });
  });
});

describe("only", () => {
  const declared = (name: string) =>
    declaredProcess({ entry: `processes/${name}/process.lua`, version: "0.9.0" });
  const members = {
    coordinator: {},
    battle: { dependsOn: ["coordinator"], peers: ["shop", "coordinator"] },
    shop: { dependsOn: ["coordinator"] },
  };

  it("declares the others as they run, and omits what never ran", async () => {
    const made = await plan(members, { only: ["battle"] }, (name) =>
      name === "coordinator" ? declared(name) : undefined,
    );
    const all = made.levels.flat();
    expect(all.map(({ name }) => name)).toEqual(["coordinator", "battle"]);
    expect(all[0]?.declared).toEqual(declared("coordinator"));
    expect(all[1]?.declared.peers).toEqual(["coordinator"]);
  });

  it("ignores in `allowed` a member that never ran and has no id", async () => {
    const wallet = "w".repeat(43);
    const allowed = { only: ["coordinator"], allowed: ["coordinator", "shop", wallet] };
    const made = await plan({ ...members, coordinator: { allowed: ["battle"] } }, allowed);
    expect(made.levels.flat().map(({ declared: { allowed } }) => allowed)).toEqual([["coordinator", wallet]]);
    const all = await plan({ ...members, coordinator: { allowed: ["battle"] } }, { ...allowed, only: [] });
    expect(all.levels[0]?.[0]?.declared.allowed).toEqual(["coordinator", "shop", wallet, "battle"]);
    const found = await problemsOf(plan({ ...members, shop: { allowed: ["batle"] } }, { allowed: ["shpo"] }));
    expect(found.map(({ code, at }) => `${code} ${at}`)).toEqual([
      "UNKNOWN_MEMBER allowed.0",
      "UNKNOWN_MEMBER processes.shop.allowed.0",
    ]);
  });

  it("refuses a member whose dependency neither runs nor is named", async () => {
    const found = await problemsOf(plan(members, { only: ["battle"] }));
    expect(found[0]).toMatchObject({ code: "DEPENDENCY_NOT_RUNNING", remedy: '--only "coordinator battle"' });
  });

  it("refuses a name that is not in the fleet", async () => {
    const found = await problemsOf(plan(members, { only: ["battel"] }));
    expect(found[0]).toMatchObject({
      ...{ code: "UNKNOWN_PROCESS", got: "battel" },
      expected: expect.stringContaining('perhaps "battle"; some of '),
    });
  });

  it("refuses to replace a member that is not in the fleet", async () => {
    process.env.FLEET_REPLACE = "battle, shopp";
    try {
      const found = await problemsOf(plan(members));
      expect(found).toMatchObject([{ code: "UNKNOWN_PROCESS", got: "shopp" }]);
      expect(found[0]?.what).toContain("--replace");
    } finally {
      delete process.env.FLEET_REPLACE;
    }
  });
});

describe("levels", () => {
  it("place every dependency in an earlier level, for any graph without a cycle", () => {
    const graphs = fc.array(fc.array(fc.nat(30), { maxLength: 5 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(graphs, (edges) => {
        const graph = Object.fromEntries(
          edges.map((targets, index) => [
            `p${index}`,
            [...new Set(targets.filter((t) => t < index))].map((t) => `p${t}`),
          ]),
        );
        const levels = levelsOf(graph);
        const level = new Map(levels.flatMap((names, depth) => names.map((name) => [name, depth] as const)));
        expect(level.size).toBe(edges.length);
        for (const [name, dependencies] of Object.entries(graph)) {
          const deepest = Math.max(
            -1,
            ...dependencies.map((dependency) => level.get(dependency) ?? Number.NaN),
          );
          expect(level.get(name)).toBe(deepest + 1);
        }
      }),
    );
  });
});

describe("suggestions", () => {
  it.each([
    ["dependOn", ["dependsOn", "peers"], "dependsOn"],
    ["Peers", ["dependsOn", "peers"], "peers"],
    ["zzz", ["dependsOn", "peers"], undefined],
  ])("%s", (word, known, expected) => expect(nearest(word, known)).toBe(expected));
});
