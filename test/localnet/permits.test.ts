import { spawn } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { isAlive } from "../../src/core/processes.ts";
import { isDaemonAlive } from "../../src/localnet/permits.ts";

/** Which process is the daemon of a permit. */

const children: ReturnType<typeof spawn>[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/**
 * A single-threaded process with a lot of memory to free when it ends, and with the permit among its arguments: a `tail` that holds
 * a line without an end.
 */
async function heavy(permit: string): Promise<number> {
  const child = spawn("tail", ["-n", "1"], { argv0: permit, stdio: ["pipe", "ignore", "ignore"] });
  children.push(child);
  const block = Buffer.alloc(10_000_000, "x");
  for (let n = 0; n < 30; n += 1)
    await new Promise<void>((written, failed) =>
      child.stdin.write(block, (error) => (error ? failed(error) : written())),
    );
  return child.pid ?? 0;
}

test("a daemon that is ending counts as alive until it has ended", async () => {
  const pid = await heavy("p1");
  process.kill(pid, "SIGKILL");
  let looks = 0;
  for (; isAlive(pid); looks += 1) {
    const seen = isDaemonAlive({ permit: "p1", pid });
    // It may end between the two reads, never the other way round.
    expect(seen || !isAlive(pid)).toBe(true);
  }
  expect(looks).toBeGreaterThan(0);
  expect(isDaemonAlive({ permit: "p1", pid })).toBe(false);
});

test("another process with its pid is not that daemon", async () => {
  const pid = await heavy("p1");
  expect([isDaemonAlive({ permit: "p1", pid }), isDaemonAlive({ permit: "p2", pid })]).toEqual([true, false]);
});
