import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Project } from "../e2e/project.ts";
import { fleet, fleetProject, look, otherMachine, ownerOf, seen, write } from "./fleet.ts";

interface Line {
  number?: number;
  deploymentId: string;
  kind: string;
  result: string;
  current: boolean;
  changed: string[];
  to?: string;
  who: string;
}

let project: Project;
const ids: string[] = [];
let count = 0;

const up = () => project.pulumi(["up", "--yes", "--skip-preview"]);
const history = async (where = project): Promise<Line[]> => {
  const ran = await fleet(where, ["history", "--json"]);
  if (ran.code !== 0) throw new Error(ran.text);
  return JSON.parse(ran.stdout).entries;
};
const back = (where: Project, ...args: string[]) => fleet(where, ["rollback", "--yes", "--json", ...args]);

beforeAll(async () => {
  project = await fleetProject("went");
  for (const release of [1, 2, 3]) {
    write(project, release);
    const ran = await up();
    if (ran.code !== 0) throw new Error(ran.text);
    count += 1;
    expect(await look(project, 1)).toEqual(seen(release, count));
    const current = project.json<{ deploymentId: string }>(".fleet/releases/went.dev/current.json");
    ids.push(current.deploymentId);
  }
}, 300_000);
afterAll(() => project.close());

describe("fleet history", () => {
  it("lists every release with what changed, and marks the one that runs", async () => {
    const lines = await history();
    expect(
      lines.map(({ deploymentId, number, result, current }) => [deploymentId, number, result, current]),
    ).toEqual([
      [ids[2], 3, "succeeded", true],
      [ids[1], 2, "succeeded", false],
      [ids[0], 1, "succeeded", false],
    ]);
    expect(lines[0]?.changed).toEqual(["counter code, config", "late joins", "reader code, peers"]);
  });

  it("tells what failed, with its reason", async () => {
    project.edit("processes/reader/process.lua", "fleet.on", "nothing.x = 1\nfleet.on");
    expect((await up()).code).not.toBe(0);
    const [line] = await history();
    expect(line).toMatchObject({ result: "failed", current: false });
    expect(line).not.toHaveProperty("number");
    write(project, 3);
  });
});

describe("fleet rollback", () => {
  it.each([
    ["an unknown release", ["--to", "77"], "UNKNOWN_RELEASE"],
    ["what runs already", ["--to", "3"], "ALREADY_RUNNING"],
    ["an unknown deployment", ["--deployment-id", "deploy-never", "--reason", "none"], "UNKNOWN_DEPLOYMENT"],
    ["a member that the release has not", ["--to", "1", "--only", "lade"], "UNKNOWN_PROCESS"],
  ])("refuses %s and changes nothing", async (_what, args, code) => {
    const ran = await back(project, ...args);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout).error.code).toBe(code);
    expect(project.text("Pulumi.dev.yaml")).not.toContain("went:release");
  });

  it("says what a preview would do, and does nothing", async () => {
    const ran = await fleet(project, ["rollback", "--to", "1", "--dry-run", "--json"]);
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
    const plan = JSON.parse(ran.stdout);
    expect(
      plan.ways.map(({ name, kind }: { name: string; kind: string }) => `${name} ${kind}`).sort(),
    ).toEqual(["counter in-place", "deployment-coordinator settings", "late beside", "reader in-place"]);
    expect(await look(project)).toEqual(seen(3, count));
  });

  it("leaves a deployment for the one before it, validated, with a report and word in the ledger", async () => {
    const ran = await back(project, "--deployment-id", ids[2] ?? "", "--reason", "wrong words");
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
    expect(await look(project, 1)).toEqual(seen(2, ++count));
    const { rollbackId, ...report } = JSON.parse(ran.stdout);
    expect(report).toMatchObject({
      status: "COMPLETED",
      from: ids[2],
      reason: "wrong words",
      automatic: false,
    });
    expect(report.phases.map(({ phase }: { phase: string }) => phase)).toEqual([
      "PENDING",
      "PREPARING",
      "ROLLING_BACK",
      "VALIDATING",
      "COMPLETED",
    ]);
    const name = `build/rollback-${rollbackId.replace("rollback-", "")}.json`;
    expect(project.json<object>(name)).toMatchObject({ rollbackId, to: { deploymentId: ids[1] } });
    expect(project.text("Pulumi.dev.yaml")).toContain(`went:release: ${ids[1]}`);
    const lines = await history();
    expect(lines[0]).toMatchObject({ kind: "rollback", to: ids[1], current: true, number: 4 });
    expect(lines.find(({ deploymentId }) => deploymentId === ids[2])?.result).toBe("rolled-back");
  });

  it("goes to every release in any order, each time with its code, settings and the count that went on", async () => {
    for (const release of [1, 3]) {
      const ran = await back(project, "--to", String(release));
      expect([release, ran.code, ran.code === 0 ? "" : ran.text]).toEqual([release, 0, ""]);
      expect(await look(project, 1)).toEqual(seen(release, ++count));
    }
  }, 240_000);

  it("does the same on another machine that has the backend, the wallet and the network only", async () => {
    const second = await otherMachine(project);
    try {
      expect((await history(second)).map(({ deploymentId }) => deploymentId)).toEqual(
        (await history()).map(({ deploymentId }) => deploymentId),
      );
      const ran = await back(second, "--to", ids[1] ?? "");
      expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
      expect(await look(second, 1)).toEqual(seen(2, ++count));
      const bare = await otherMachine(second);
      await bare.pulumi(["config", "set", "release", ids[0] ?? ""]);
      const plain = await bare.pulumi(["up", "--yes", "--skip-preview"]);
      expect([plain.code, plain.code === 0 ? "" : plain.text]).toEqual([0, ""]);
      expect(await look(bare, 1)).toEqual(seen(1, ++count));
      rmSync(join(bare.dir), { recursive: true, force: true });
    } finally {
      rmSync(second.dir, { recursive: true, force: true });
    }
  }, 240_000);

  it.each([
    ["a process was loaded", "process.loaded", 2],
    ["a process was judged", "process.judged", 1],
    ["settings were sent", "config.sent", 2],
    ["the release was written", "release.finished", 3],
  ])(
    "goes on by the same command when it was killed after %s",
    async (_what, point, release) => {
      const args = ["--to", ids[release - 1] ?? ""];
      const killed = await fleet(project, ["rollback", "--yes", "--json", ...args], {
        FLEET_CRASH_AT: point,
      });
      expect(killed.code).not.toBe(0);
      expect(project.text("Pulumi.dev.yaml")).toContain(`went:release: ${ids[release - 1]}`);
      // Whoever was killed last thing has little left to do, so a plain up must do it too.
      const again = point === "config.sent" ? await up() : await back(project, ...args);
      const done = again.code === 0 || again.text.includes("ALREADY_RUNNING");
      expect([done, done ? "" : again.text]).toEqual([true, ""]);
      expect(await look(project, 1)).toEqual(seen(release, ++count));
      const idle = await project.pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
      expect([idle.code, idle.code === 0 ? "" : idle.text]).toEqual([0, ""]);
    },
    240_000,
  );

  it("follows the program again when the pin is taken out", async () => {
    const ran = await fleet(project, ["rollback", "--clear"]);
    expect(ran.code).toBe(0);
    const deployed = await fleet(project, ["deploy", "--yes", "--json"]);
    expect([deployed.code, deployed.code === 0 ? "" : deployed.text]).toEqual([0, ""]);
    expect(await look(project, 1)).toEqual(seen(3, ++count));
  }, 120_000);

  it("comes back by itself from a deployment that fails half-way", async () => {
    project.edit("processes/counter/process.lua", "release = 3", "release = 4");
    project.edit("processes/reader/process.lua", "fleet.on", "nothing.x = 1\nfleet.on");
    const ran = await fleet(project, ["deploy", "--yes", "--rollback-on-failure"]);
    expect(ran.code).toBe(1);
    expect(ran.text).toContain("Back at");
    expect(await look(project, 1)).toEqual(seen(3, ++count));
    expect(project.text("Pulumi.dev.yaml")).not.toContain("went:release");
    expect((await history())[0]).toMatchObject({ kind: "rollback", current: true });
    write(project, 3);
  }, 120_000);

  it("needs no coordinator with --manual, and says so when it does not answer", async () => {
    const owner = await ownerOf(project);
    const members = await project.output<Record<string, { processId: string }>>("processes");
    await owner.run(members["deployment-coordinator"]?.processId ?? "", "Handlers.list = {}");
    const refused = await back(project, "--to", ids[0] ?? "");
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout).error).toMatchObject({ code: "LEDGER_SILENT" });
    expect(refused.text).toContain("--manual");
    expect(await look(project)).toEqual(seen(3, count));
    const ran = await back(project, "--to", ids[0] ?? "", "--manual", "--reason", "the coordinator is gone");
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
    expect(await look(project, 1)).toEqual(seen(1, ++count));
  }, 180_000);
});
