import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { hashOf } from "../../src/core/hash.ts";
import { clean } from "../../src/operations/cleanup/files.ts";
import { temporaryFolder } from "../kit/folder.ts";

/** Stores lose what no kept release needs and what is older than the window. */

const NOW = Date.parse("2030-01-10T00:00:00Z");
const DAY = 86_400_000;
const hash = (digit: string) => digit.repeat(64);

test("bundles and modules: what a release needs stays, recent ones stay, and their companions are removed with them", async () => {
  const projectDir = temporaryFolder("cleaning");
  const file = async (path: string, days: number, text = "") => {
    const whole = join(projectDir, path);
    await mkdir(dirname(whole), { recursive: true });
    await writeFile(whole, text);
    await utimes(whole, new Date(NOW - days * DAY), new Date(NOW - days * DAY));
  };
  for (const [digit, days] of [
    ["a", 30],
    ["b", 30],
    ["c", 1],
  ] as const) {
    await file(`.fleet/bundles/${hash(digit)}.lua`, days);
    await file(`.fleet/bundles/${hash(digit)}.map.json`, days);
    await file(`.fleet/modules/${hash(digit)}.wasm`, days);
    await file(`.fleet/modules/${hash(digit)}.json`, days);
  }
  await file(".fleet/bundles/notes.txt", 30);
  const member = {
    ...{ entry: "a.lua", version: "1", module: `wasm:${hash("a")}`, dependsOn: [], peers: [], config: {} },
    ...{ sourceHash: hash("a"), modules: {}, bytes: 1 },
  };
  const release = {
    ...{ schemaVersion: 1, deploymentId: "deploy-1", releasedAt: new Date(NOW - 30 * DAY).toISOString() },
    ...{
      scope: { project: "game", stack: "dev", home: ".fleet", build: "build" },
      releaseHash: hashOf({ a: member }),
    },
    ...{ declaration: { a: member }, members: {}, configs: {} },
  };
  await file(".fleet/releases/game.dev/current.json", 30, JSON.stringify(release));
  const request = {
    ...{ projectDir, project: "game", retention: { since: NOW - 7 * DAY, releases: 1, snapshots: 1 } },
    pinned: () => undefined,
  };
  const old = ["lua", "map.json"].map((ending) => `.fleet/bundles/${hash("b")}.${ending}`);
  const gone = [...old, ...["json", "wasm"].map((ending) => `.fleet/modules/${hash("b")}.${ending}`)];
  expect((await clean({ ...request, dryRun: true })).bundles).toEqual(gone);
  expect(await readdir(join(projectDir, ".fleet/modules"))).toHaveLength(6);
  expect((await clean({ ...request, dryRun: false })).bundles).toEqual(gone);
  expect(await readdir(join(projectDir, ".fleet/modules"))).toHaveLength(4);
  expect(await readdir(join(projectDir, ".fleet/bundles"))).toHaveLength(5);
  expect((await clean({ ...request, dryRun: false })).bundles).toEqual([]);
});
