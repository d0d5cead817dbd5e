import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import * as lifecycle from "../../providers/local-network/lifecycle.ts";
import { userName } from "../../providers/local-network/user.ts";
import { status } from "../../src/localnet/index.ts";
import { usersOf } from "../../src/localnet/users.ts";
import { newProject } from "../e2e/project.ts";
import { networkFolder } from "../localnet/network.ts";

/** Deletion of a LocalNetwork while others use its network, against the real daemon. */

const pidOf = async (dir: string) => {
  const { running, info } = await status(dir);
  return running ? info?.pid : undefined;
};

test("a network is stopped by the deletion of its last user, not of another one", async () => {
  const dir = networkFolder();
  const { outs: a } = await lifecycle.create({ dir, user: "game/dev/a-network" });
  const { outs: b } = await lifecycle.create({ dir, user: "game/staging/a-network" });
  const pid = await pidOf(dir);
  await lifecycle.remove("a", a);
  // A repeated deletion, as after a crash, counts once.
  await lifecycle.remove("a", a);
  expect(usersOf(dir)).toEqual(["game/staging/a-network"]);
  expect(await pidOf(dir)).toBe(pid);
  await lifecycle.remove("b", b);
  expect(await pidOf(dir)).toBeUndefined();
});

test("a state of an earlier version becomes a user by one update, and its deletion stops no other's network", async () => {
  const dir = networkFolder();
  const user = "game/dev/new-network";
  const { outs } = await lifecycle.create({ dir, user });
  const { user: _, ...earlier } = outs;
  const inputs = { dir, user: "game/dev/old-network" };
  expect(await lifecycle.diff("id", outs, { dir, user })).toEqual({ changes: false, replaces: [] });
  expect(await lifecycle.diff("id", earlier, inputs)).toEqual({ changes: true, replaces: [] });
  await lifecycle.remove("id", earlier);
  expect(await pidOf(dir)).toBeDefined();
  const updated = await lifecycle.update("id", earlier, inputs);
  expect(await lifecycle.diff("id", updated.outs, inputs)).toEqual({ changes: false, replaces: [] });
  expect(usersOf(dir)).toEqual(["game/dev/new-network", "game/dev/old-network"]);
  // Under another name it is the same user.
  await lifecycle.update("id", updated.outs, { dir, user: "game/dev/other-network" });
  expect(usersOf(dir)).toEqual(["game/dev/new-network", "game/dev/other-network"]);
});

test("a state of an earlier version does not stop a network whose users of that version nobody recorded", async () => {
  const dir = networkFolder();
  const { user: _, ...earlier } = (await lifecycle.create({ dir, user: "game/dev/a-network" })).outs;
  rmSync(join(dir, "users"), { recursive: true });
  const pid = await pidOf(dir);
  await lifecycle.remove("id", earlier);
  expect(await pidOf(dir)).toBe(pid);
});

test("two clones of a project that share a network are two users of it", async () => {
  const dir = networkFolder();
  const names = { project: "game", stack: "dev", name: "a-network" };
  const [one, two] = ["/src/one", "/src/two"].map((folder) => userName({ ...names, folder }));
  const { outs: a } = await lifecycle.create({ dir, user: one });
  const { outs: b } = await lifecycle.create({ dir, user: two });
  await lifecycle.remove("a", a);
  expect((await status(dir)).running).toBe(true);
  await lifecycle.remove("b", b);
  expect((await status(dir)).running).toBe(false);
});

test("a user under the name of an earlier version is unchanged, is renamed by an update, and counts until then", async () => {
  const dir = networkFolder();
  const { outs: before } = await lifecycle.create({ dir, user: "game/dev/a-network" });
  const user = userName({ project: "game", stack: "dev", name: "a-network", folder: "/src/one" });
  expect(await lifecycle.diff("id", before, { dir, user })).toEqual({ changes: false, replaces: [] });
  const { outs: other } = await lifecycle.create({ dir, user: "game/staging/a-network" });
  await lifecycle.remove("other", other);
  expect(usersOf(dir)).toEqual(["game/dev/a-network"]);
  const { outs } = await lifecycle.update("id", before, { dir, user });
  expect(usersOf(dir)).toEqual([user]);
  await lifecycle.remove("id", outs);
  expect((await status(dir)).running).toBe(false);
});

test("a network that cannot start has no user", async () => {
  const dir = networkFolder();
  writeFileSync(join(dir, "network.sqlite"), "this is no database, however long it is ".repeat(40));
  await expect(lifecycle.create({ dir, user: "game/dev/a-network" })).rejects.toMatchObject({
    code: "LOCALNET_START",
  });
  expect(usersOf(dir)).toEqual([]);
});

test("with the real pulumi: renamed, shared with another stack and moved away, the others' network keeps running", async () => {
  const program = (name: string) => `import { LocalNetwork } from "ao-fleet";
new LocalNetwork("${name}", { dir: ".fleet/localnet", timeoutSeconds: 60 });
`;
  const project = await newProject("shared", { "index.ts": program("first") });
  onTestFinished(() => project.close());
  const network = join(project.dir, ".fleet/localnet");
  const run = async (...args: string[]) => {
    const ran = await project.pulumi([...args, "--non-interactive"]);
    expect(ran).toMatchObject({ code: 0 });
    return ran.text;
  };
  await run("up", "--yes", "--stack", "dev");
  const pid = await pidOf(network);
  expect(await project.idle()).toBe("");
  project.write("index.ts", program("second"));
  expect(await run("up", "--yes", "--stack", "dev")).toContain("keeps running for shared/dev/second");
  expect(await pidOf(network)).toBe(pid);
  await run("stack", "init", "other");
  await run("up", "--yes", "--stack", "other");
  project.write("index.ts", 'import "ao-fleet";\n');
  await run("up", "--yes", "--stack", "other");
  expect(await project.idle()).toBe("");
  expect(await pidOf(network)).toBe(pid);
}, 240_000);
