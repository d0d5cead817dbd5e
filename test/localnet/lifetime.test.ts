import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isAlive } from "../../src/core/processes.ts";
import { reset, start, status, stop } from "../../src/localnet/index.ts";
import { gone, networkFolder } from "./network.ts";
import { type Held, held, type Step } from "./stopped-daemon.ts";

/** How long a daemon may live: no longer than the call that ends it, whoever launched it and however slowly it boots. */

async function slow(step: Step, launch: () => Promise<unknown>): Promise<Held> {
  const daemon = await held(step, launch);
  onTestFinished(() => daemon.release());
  return daemon;
}

/** Permits and registrations of daemons, as files. */
const daemons = (dir: string): string[] => readdirSync(join(dir, "daemons"));

/** `start` in a process of its own, which is killed as soon as its daemon has stopped at the step. */
async function launchedByKilled(dir: string): Promise<Held> {
  const code = `const { start } = await import(${JSON.stringify(new URL("../../src/localnet/index.ts", import.meta.url).href)});
    await start(${JSON.stringify(dir)});`;
  let caller: number | undefined;
  const daemon = await slow("boot", () => {
    const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", code], {
      stdio: "ignore",
    });
    caller = child.pid;
    return new Promise((ended) => child.on("close", ended));
  });
  process.kill(caller ?? 0, "SIGKILL");
  await daemon.launched;
  return daemon;
}

test("a start that finds another network ends the daemon that it launched", async () => {
  const dir = networkFolder();
  const loser = await slow("boot", () => start(dir));
  const network = await start(dir);
  expect(await loser.launched).toEqual(network);
  expect(isAlive(loser.pid)).toBe(false);
  expect(daemons(dir)).toEqual([expect.stringMatching(new RegExp(`\\.${network.pid}$`))]);
});

test("a start that times out ends the daemon that it launched", async () => {
  const dir = networkFolder();
  const { pid, launched } = await slow("boot", () => start(dir, { timeoutSeconds: 3 }));
  await expect(launched).rejects.toMatchObject({ code: "LOCALNET_START" });
  expect(isAlive(pid)).toBe(false);
  expect(daemons(dir)).toEqual([]);
});

describe.each<Step>(["boot", "publish"])("a daemon that is slow to %s", (step) => {
  test("is gone when stop returns, and the start that waits for it reports the stop", async () => {
    const dir = networkFolder();
    const { pid, launched, release } = await slow(step, () => start(dir));
    expect(await stop(dir)).toBe(true);
    expect(isAlive(pid)).toBe(false);
    rmSync(dir, { recursive: true });
    release();
    await expect(launched).rejects.toMatchObject({ code: "LOCALNET_STOPPED" });
    expect(existsSync(dir)).toBe(false);
  });

  test("ends by itself when its permit was revoked before anybody could know of it", async () => {
    const dir = networkFolder();
    const { pid, launched, release } = await slow(step, () => start(dir));
    for (const name of daemons(dir)) rmSync(join(dir, "daemons", name));
    release();
    await expect(launched).rejects.toMatchObject({ code: "LOCALNET_STOPPED" });
    expect(isAlive(pid)).toBe(false);
    expect(await status(dir)).toEqual({ running: false });
  });
});

test("a daemon whose caller was killed is gone when stop returns, and also after a reset", async () => {
  for (const end of [stop, reset]) {
    const dir = networkFolder();
    const { pid } = await launchedByKilled(dir);
    await start(dir);
    await end(dir);
    expect(isAlive(pid)).toBe(false);
    expect(daemons(dir)).toEqual([]);
  }
});

test("a network whose folder was removed ends, and does not create it again", async () => {
  const dir = networkFolder();
  const { pid } = await start(dir);
  rmSync(dir, { recursive: true });
  await gone(pid);
  expect(existsSync(dir)).toBe(false);
});

test("stop ends even a network that is suspended", async () => {
  const dir = networkFolder();
  const { pid } = await start(dir);
  process.kill(pid, "SIGSTOP");
  expect(await stop(dir)).toBe(true);
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(join(dir, "network.json"))).toBe(false);
});
