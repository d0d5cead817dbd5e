import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { hashOf, sha256 } from "../../src/core/hash.ts";
import { removeOldTexts, snapshotStore, textsWithoutMetadata } from "../../src/fleet/snapshot/store.ts";
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

test.each(["current", "deploy-1"])(
  "nothing is removed while the release %s is damaged: what it needs is not known",
  async (id) => {
    const projectDir = temporaryFolder("cleaning-damaged");
    const bundle = join(projectDir, `.fleet/bundles/${hash("a")}.lua`);
    const damaged = join(projectDir, `.fleet/releases/game.dev/${id}.json`);
    for (const path of [bundle, damaged]) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, "{");
      await utimes(path, 0, 0);
    }
    const request = {
      ...{ projectDir, project: "game", retention: { since: NOW, releases: 1, snapshots: 1 } },
      ...{ pinned: () => undefined, dryRun: false },
    };
    await expect(clean(request)).rejects.toThrow("RELEASE_DAMAGED");
    expect(await readdir(dirname(bundle))).toHaveLength(1);
    await rm(damaged);
    expect((await clean(request)).bundles).toHaveLength(2);
  },
);

test("saved states: a clean-up removes those of no metadata file, and none whose metadata it cannot read or that is being written", async () => {
  const projectDir = temporaryFolder("cleaning-states");
  const home = join(projectDir, ".fleet");
  await mkdir(join(home, "releases/game.dev"), { recursive: true });
  const store = snapshotStore({ home, project: "game", stack: "dev" });
  const folder = join(home, "snapshots/game.dev/notes");
  const age = (digest: string, days: number) => {
    const time = new Date(NOW - days * DAY);
    return utimes(join(home, `snapshots/${digest}.json.gz`), time, time);
  };
  const save = async (text: string, days: number) => {
    const digest = sha256(text);
    const takenAt = new Date(NOW - days * DAY).toISOString();
    const about = { member: "notes", processId: "p", generation: 1, slot: 1, deploymentId: "d" };
    const code = { reason: "backup", sourceHash: "", stateVersion: "1", bytes: text.length } as const;
    await store.put({ ...about, ...code, digest, takenAt }, text);
    await age(digest, days);
    return digest;
  };
  const metadataOf = async (digest: string) => {
    const name = (await readdir(folder)).find((one) => one.includes(digest.slice(0, 12)));
    return join(folder, name ?? "");
  };
  const [latest, due, damaged, later] = [
    await save("latest", 1),
    await save("due", 30),
    await save("damaged", 30),
    await save("later", 30),
  ];
  await writeFile(await metadataOf(damaged), "{");
  const known = JSON.parse(await readFile(await metadataOf(later), "utf8"));
  await writeFile(await metadataOf(later), JSON.stringify({ ...known, ofALaterVersion: 1 }));
  // A deployment has written the one, and not yet its metadata; the other is left from a run that was killed.
  const [writing = "", left = ""] = [await save("writing", 0), await save("left", 30)];
  for (const digest of [writing, left]) await rm(await metadataOf(digest));
  const request = {
    ...{ projectDir, project: "game", retention: { since: NOW - 7 * DAY, releases: 1, snapshots: 1 } },
    pinned: () => undefined,
  };
  const gone = [due, left].map((digest) => `.fleet/snapshots/${digest}.json.gz`).sort();
  const texts = async () => (await readdir(join(home, "snapshots"))).filter((name) => name.endsWith(".gz"));
  expect(await clean({ ...request, dryRun: true })).toMatchObject({ snapshots: 1, states: gone });
  expect(await texts()).toHaveLength(6);
  expect(await clean({ ...request, dryRun: false })).toMatchObject({ snapshots: 1, states: gone });
  const kept = [latest, damaged, later, writing].map((digest) => `${digest}.json.gz`);
  expect((await texts()).sort()).toEqual(kept.sort());
  expect(await clean({ ...request, dryRun: false })).toMatchObject({ snapshots: 0, states: [] });
  // A state that is saved again is new, although its text was there.
  const path = join(home, `snapshots/${await save("left", 30)}.json.gz`);
  await utimes(path, 0, 0);
  await store.put({ ...known, digest: left, takenAt: new Date(NOW).toISOString() }, "left");
  for (const name of await readdir(folder))
    if (name.includes(left.slice(0, 12))) await rm(join(folder, name));
  const retention = { ...request.retention, since: Date.now() - DAY };
  expect((await clean({ ...request, retention, dryRun: false })).states).toEqual([]);
});

test("saved states: a backup that is made during a clean-up keeps its text, and replaces a damaged one", async () => {
  const home = join(temporaryFolder("cleaning-race"), ".fleet");
  const store = snapshotStore({ home, project: "game", stack: "dev" });
  const [text, digest] = ["notes", sha256("notes")];
  const path = join(home, `snapshots/${digest}.json.gz`);
  const save = () =>
    store.put(
      {
        ...{ member: "notes", processId: "p", generation: 1, slot: 1, deploymentId: "d", reason: "backup" },
        ...{ digest, takenAt: new Date(NOW).toISOString(), sourceHash: "", stateVersion: "1", bytes: 5 },
      },
      text,
    );
  await save();
  await utimes(path, 0, 0);
  const metadata = await store.paths(() => true);
  const since = Date.now() - DAY;
  const found = await textsWithoutMetadata(home, new Set(metadata), since);
  expect(found).toEqual([path]);
  await save();
  expect(await removeOldTexts(found, since)).toEqual([]);
  expect(await store.text(digest)).toBe(text);
  await writeFile(path, "damaged");
  await save();
  expect(await store.text(digest)).toBe(text);
  await utimes(path, 0, 0);
  expect(await removeOldTexts([...found, join(home, "none")], since)).toEqual([path]);
});
