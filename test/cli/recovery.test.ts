import { spawn } from "node:child_process";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stackLocks } from "../../cli/recovery/locks.ts";
import { withoutPending } from "../../cli/recovery/pending.ts";
import { endZombie } from "../../cli/recovery/zombie.ts";
import { isAlive, parentOf, startedAt } from "../../core/processes.ts";

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((ended) => child.on("exit", ended));
  return child.pid ?? 0;
}

async function backend(locks: { pid: number; hostname: string; timestamp: string }[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-locks-"));
  const at = join(folder, ".pulumi/locks/organization/game/dev");
  await mkdir(at, { recursive: true });
  for (const [index, lock] of locks.entries())
    await writeFile(join(at, `${index}.json`), JSON.stringify({ username: "alice", ...lock }));
  return `file://${folder}`;
}

describe("a stack's lock", () => {
  const now = () => new Date().toISOString();
  it.each([
    [
      "whose owner is gone",
      async () => ({ pid: await deadPid(), hostname: hostname(), timestamp: now() }),
      "dead",
    ],
    [
      "whose owner lives",
      async () => ({ pid: process.pid, hostname: hostname(), timestamp: now() }),
      "alive",
    ],
    [
      "of another machine",
      async () => ({ pid: await deadPid(), hostname: "elsewhere", timestamp: now() }),
      "elsewhere",
    ],
    [
      "whose pid was given away",
      async () => ({ pid: process.pid, hostname: hostname(), timestamp: "2020-01-01T00:00:00Z" }),
      "dead",
    ],
  ])("%s", async (_name, lock, owner) => {
    const url = await backend([await lock()]);
    expect((await stackLocks(url, "game", "dev")).map((found) => found.owner)).toEqual([owner]);
  });

  it("is no file for a stack that nobody holds, nor for a backend that is a service", async () => {
    expect(await stackLocks(await backend([]), "game", "prod")).toEqual([]);
    expect(await stackLocks("https://api.example.com", "game", "dev")).toEqual([]);
    expect(await stackLocks(undefined, "game", "dev")).toEqual([]);
  });
});

describe("pending operations", () => {
  it("are named and taken out, and nothing else is changed", () => {
    const resources = [{ urn: "urn:pulumi:dev::game::a::kept" }];
    const pending = [{ type: "creating", resource: { urn: "urn:pulumi:dev::game::t::battle" } }];
    const { operations, cleared } = withoutPending(
      JSON.stringify({ version: 3, deployment: { manifest: {}, resources, pending_operations: pending } }),
    );
    expect(operations).toEqual([{ type: "creating", name: "battle" }]);
    expect(JSON.parse(cleared)).toEqual({ version: 3, deployment: { manifest: {}, resources } });
  });
});

describe("a process", () => {
  it("is known by its life, its start and its parent", async () => {
    expect(isAlive(process.pid)).toBe(true);
    expect(isAlive(await deadPid())).toBe(false);
    expect(parentOf(process.pid)).toBe(process.ppid);
    const started = startedAt(process.pid) ?? 0;
    expect(Math.abs(Date.now() - process.uptime() * 1000 - started)).toBeLessThan(5_000);
  });
});

describe("a provider that outlived its pulumi", () => {
  async function journalHeldBy(pid: number): Promise<string> {
    const home = await mkdtemp(join(tmpdir(), "fleet-zombie-"));
    await mkdir(join(home, "journal"));
    await writeFile(join(home, "journal/game.dev.jsonl.lock"), JSON.stringify({ pid, host: hostname() }));
    return home;
  }

  it("is ended", async () => {
    // The shell ends at once, so what it started belongs to nobody.
    const shell = spawn("sh", ["-c", "sleep 60 >/dev/null 2>&1 & echo $!"]);
    const pid = await new Promise<number>((found) =>
      shell.stdout.once("data", (text) => found(Number(text))),
    );
    await new Promise((ended) => shell.once("exit", ended));
    expect(await endZombie(await journalHeldBy(pid), "game", "dev")).toBe(pid);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("is none while its parent lives, nor when nobody holds the journal", async () => {
    expect(await endZombie(await journalHeldBy(process.pid), "game", "dev")).toBeUndefined();
    expect(await endZombie(await journalHeldBy(await deadPid()), "game", "dev")).toBeUndefined();
    expect(await endZombie(tmpdir(), "game", "dev")).toBeUndefined();
  });
});
