import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Project } from "../e2e/project.ts";
import { fleetProject, look, seen, write } from "./fleet.ts";

let project: Project;
const ids: string[] = [];

const up = () => project.pulumi(["up", "--yes", "--skip-preview"]);
const current = () =>
  project.json<{
    deploymentId: string;
    warm?: object;
    releaseHash: string;
    pinned?: { deploymentId: string };
  }>(`.fleet/releases/rolled.dev/current.json`);

beforeAll(async () => {
  project = await fleetProject("rolled");
  for (const release of [1, 2, 3]) {
    write(project, release);
    const ran = await up();
    if (ran.code !== 0) throw new Error(ran.text);
    expect(await look(project, 1)).toEqual(seen(release, release));
    ids.push(current().deploymentId);
  }
}, 300_000);
afterAll(() => project.close());

describe("a stack that is pinned by hand", () => {
  it("goes back two releases: dependents first, code, config and state together, later members kept", async () => {
    await project.pulumi(["config", "set", "release", ids[0] ?? ""]);
    const preview = await project.pulumi(["preview"]);
    expect(preview.text).toContain(`pinned to the release ${ids[0]}`);
    expect(preview.text).not.toMatch(/late .*delete|replace/);
    const ran = await up();
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
    expect(ran.text.indexOf("reader                 ready")).toBeLessThan(
      ran.text.indexOf("counter                loaded"),
    );
    expect(await look(project)).toEqual(seen(1, 3));
    expect(current()).toMatchObject({ pinned: { deploymentId: ids[0] }, warm: { late: {} } });
    expect((await project.output<Record<string, { health: string }>>("processes")).late?.health).toBe(
      "HEALTHY",
    );
  });

  it("changes nothing the second time, whatever the program says", async () => {
    project.write("processes/counter/process.lua", "this is no Lua");
    const ran = await project.pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
  });

  it("names a release that is not known", async () => {
    await project.pulumi(["config", "set", "release", "deploy-never"]);
    const ran = await project.pulumi(["preview"]);
    expect(ran.code).not.toBe(0);
    expect(ran.text).toContain("[UNKNOWN_RELEASE]");
  });

  it("goes on with the program once it is not pinned any more", async () => {
    write(project, 3);
    await project.pulumi(["config", "rm", "release"]);
    const ran = await up();
    expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
    expect(await look(project)).toEqual(seen(3, 3));
    expect(current().warm).toBeUndefined();
  });
});
