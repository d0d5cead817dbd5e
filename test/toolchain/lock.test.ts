import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withLock } from "../../src/toolchain/lock.mjs";
import { packageDir } from "../../src/toolchain/paths.ts";
import { node, sandbox, until } from "./sandbox.ts";

const LOCK = JSON.stringify(join(packageDir, "src", "toolchain", "lock.mjs"));

function holder(folder: string, fields: Record<string, unknown>): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "4");
  writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname(), ...fields }));
  return file;
}

test("of several processes, one holds it at a time and each gets it", async () => {
  const box = sandbox();
  const seen = box.file("seen");
  const source = `
    import { appendFileSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    import { withLock } from ${LOCK};
    for (let i = 0; i < 5; i++) await withLock("${box.file("lock")}", async () => {
      appendFileSync("${seen}", "in " + process.pid + "\\n");
      await sleep(3);
      appendFileSync("${seen}", "out " + process.pid + "\\n");
    }, { pollMs: 2 });`;
  const outputs = await Promise.all([1, 2, 3, 4].map(() => node(box, source).ended));
  expect(outputs).toEqual(["", "", "", ""]);
  const lines = readFileSync(seen, "utf8").trim().split("\n");
  expect(lines).toHaveLength(40);
  for (let i = 0; i < lines.length; i += 2) {
    expect(lines[i + 1]).toBe(lines[i]?.replace("in", "out"));
  }
  // One small file remains, however often the lock was taken.
  expect(readdirSync(box.file("lock"))).toHaveLength(1);
});

test("a killed holder does not block the others", async () => {
  const box = sandbox();
  const source = `
    import { writeFileSync } from "node:fs";
    import { withLock } from ${LOCK};
    await withLock("${box.file("lock")}", () => {
      writeFileSync("${box.file("inside")}", "");
      return new Promise(() => setInterval(() => {}, 1000));
    });`;
  const child = node(box, source);
  await until(() => readdirSync(box.dir).includes("inside"));
  const waits: (number | undefined)[] = [];
  const mine = withLock(box.file("lock"), () => "in", {
    pollMs: 5,
    onWait: (pid) => {
      waits.push(pid);
      child.kill("SIGKILL");
    },
  });
  expect(await mine).toBe("in");
  expect(waits[0]).toBe(child.pid);
});

test("a living process with a reused pid is not the holder", async () => {
  const box = sandbox();
  holder(box.file("lock"), { started: "1" });
  expect(await withLock(box.file("lock"), () => "in")).toBe("in");
});

test("a holder on another machine is waited for, up to a limit", async () => {
  const box = sandbox();
  const file = holder(box.file("lock"), { host: "elsewhere", pid: 1 });
  const hourAgo = new Date(Date.now() - 61 * 60_000);
  let waits = 0;
  const onWait = () => {
    waits += 1;
    utimesSync(file, hourAgo, hourAgo);
  };
  expect(await withLock(box.file("lock"), () => "in", { onWait, pollMs: 5 })).toBe("in");
  expect(waits).toBe(1);
});

test("an error releases the lock and is rethrown", async () => {
  const box = sandbox();
  const failing = withLock(box.file("lock"), () => Promise.reject(new Error("inside")));
  await expect(failing).rejects.toThrow("inside");
  expect(await withLock(box.file("lock"), () => "in")).toBe("in");
});
