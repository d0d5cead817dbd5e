import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPlayer } from "../e2e/player.ts";
import { newProject, type Project } from "../e2e/project.ts";
import { twoProcesses } from "../e2e/two.ts";
import { fleet, networkOf } from "./fleet.ts";

let project: Project;
let first = "";

/** The second release renames what it keeps, and knows no way down. */
const upgraded = (twoProcesses["processes/counter/process.lua"] ?? "")
  .replace(
    'fleet.state("counter", { n = 0 })',
    `fleet.state("counter", { count = 0 })
local M = fleet.state("more", { seen = true })
fleet.migrate{ from = "1", to = "2", up = function() S.count, S.n = S.n, nil end }`,
  )
  .replace("S.n = adding.add(S.n, data.by)", "S.count = adding.add(S.count, data.by)")
  .replace("{ n = S.n }", "{ n = S.count }");

const add = async (by: number): Promise<number> => {
  const anyone = await newPlayer(await networkOf(project));
  const members = await project.output<Record<string, { processId: string }>>("processes");
  return Number((await anyone.ask(members.counter?.processId ?? "", "ADD", { by })).n);
};
const up = async () => {
  const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
  if (ran.code !== 0) throw new Error(ran.text);
};

beforeAll(async () => {
  project = await newProject("kept", twoProcesses);
  await up();
  first = project.json<{ deploymentId: string }>(".fleet/releases/kept.dev/current.json").deploymentId;
}, 120_000);
afterAll(() => project.close());

describe("states", () => {
  it("are kept and put back, equal by digest, with what was there before kept too", async () => {
    expect(await add(5)).toBe(5);
    const kept = await fleet(project, ["backup", "counter", "--json"]);
    expect([kept.code, kept.code === 0 ? "" : kept.text]).toEqual([0, ""]);
    const [{ digest }] = JSON.parse(kept.stdout).snapshots;
    expect(await add(7)).toBe(12);
    const back = await fleet(project, [
      "restore",
      "counter",
      "--digest",
      digest.slice(0, 10),
      "--yes",
      "--json",
    ]);
    expect([back.code, back.code === 0 ? "" : back.text]).toEqual([0, ""]);
    const [restored] = JSON.parse(back.stdout).restored;
    expect(restored).toMatchObject({ member: "counter", digest, equal: true });
    expect(await add(0)).toBe(5);
    const undone = await fleet(project, ["restore", "counter", "--digest", restored.kept, "--yes"]);
    expect(undone.code).toBe(0);
    expect(await add(0)).toBe(12);
  }, 60_000);

  it("that were never kept cannot be put back", async () => {
    const ran = await fleet(project, ["restore", "reader", "--yes", "--json"]);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout).error.code).toBe("SNAPSHOT_GONE");
  });
});

describe("a way back without a migration down", () => {
  it("is not gone while messages would be lost: it is explained, and nothing is changed", async () => {
    project.write("processes/counter/process.lua", upgraded);
    await up();
    expect(await add(1)).toBe(13);
    expect(await add(1)).toBe(14);
    const ran = await fleet(project, ["rollback", "--to", first, "--yes", "--json"]);
    expect(ran.code).toBe(4);
    expect(JSON.parse(ran.stdout).error.code).toBe("DIVERGENCE");
    expect(ran.text).toContain("2 messages (2 ADD) are not in the state that it goes back to");
    expect(await add(0)).toBe(14);
    expect(project.text("Pulumi.dev.yaml")).not.toContain("kept:release");
  }, 60_000);

  it("is gone with the state of then once that is accepted, and not twice", async () => {
    const ran = await fleet(project, ["rollback", "--to", first, "--yes", "--json", "--accept-divergence"]);
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ status: "COMPLETED", acceptedDivergence: true });
    expect(await add(1)).toBe(13);
    const before = await fleet(project, ["restore", "counter", "--list", "--json"]);
    expect(JSON.parse(before.stdout).snapshots[0]).toMatchObject({ reason: "upgrade", stateVersion: "2" });
    await up();
    expect(await add(0)).toBe(13);
  }, 60_000);

  it("is refused by name where no state of then was kept", async () => {
    await fleet(project, ["rollback", "--clear"]);
    await up();
    const { readdirSync, rmSync } = await import("node:fs");
    const { join } = await import("node:path");
    rmSync(join(project.dir, ".fleet/snapshots"), { recursive: true });
    // The same states are the results of messages that the network has.
    const found = await fleet(project, ["rollback", "--to", first, "--dry-run", "--json"]);
    expect([found.code, found.code === 0 ? "" : found.text]).toEqual([0, ""]);
    expect(readdirSync(join(project.dir, ".fleet/snapshots")).length).toBeGreaterThan(0);
  }, 60_000);
});

describe("fleet cleanup", () => {
  it("keeps what the latest releases need, and says what would go", async () => {
    const look = await fleet(project, [
      "cleanup",
      "--older-than",
      "1s",
      "--keep",
      "1",
      "--dry-run",
      "--json",
    ]);
    expect(look.code).toBe(0);
    const plan = JSON.parse(look.stdout);
    expect(plan.releases.length).toBeGreaterThan(0);
    const ran = await fleet(project, ["cleanup", "--older-than", "1s", "--keep", "1", "--json"]);
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout).releases).toEqual(plan.releases);
    const idle = await project.pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect([idle.code, idle.code === 0 ? "" : idle.text]).toEqual([0, ""]);
    const wrong = await fleet(project, ["cleanup", "--older-than", "soon"]);
    expect(wrong.code).toBe(2);
  }, 60_000);
});
