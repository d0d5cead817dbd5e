import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { openJournal, readJournal } from "../../src/ao/journal/index.ts";
import { acquireLock } from "../../src/ao/journal/lock.ts";
import type { FleetError, Problem } from "../../src/core/errors.ts";
import { temporaryFolder } from "../kit/folder.ts";

const folder = temporaryFolder("lock");
let path: string;

beforeEach(async (context) => {
  path = join(folder, context.task.id, "p.s.jsonl");
  await mkdir(dirname(path));
});

const script = fileURLToPath(new URL("child.ts", import.meta.url));

/** A process that holds the journal, and its output line by line. */
async function holder(heartbeat = 50): Promise<{ child: ChildProcess; next: () => Promise<string> }> {
  const child = spawn(process.execPath, ["--no-warnings", script, "hold", path, String(heartbeat)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as string;
  expect(await next()).toBe("held");
  return { child, next };
}

const ended = (child: ChildProcess) => new Promise((resolve) => child.once("close", resolve));

describe("a journal that another process holds", () => {
  test("is refused with its owner's name while the owner lives, and is free once the owner was killed", async () => {
    const { child } = await holder();
    const refusal = openJournal(path, { patience: 150 });
    await expect(refusal).rejects.toMatchObject({ code: "JOURNAL_LOCKED", transient: true });
    await expect(refusal).rejects.toThrow(`process ${child.pid} on ${hostname()}`);
    const gone = ended(child);
    child.kill("SIGKILL");
    await gone;
    // Far less than the 12 s after which a silent owner would lose it.
    const journal = await openJournal(path, { patience: 3000 });
    await journal.close();
  }, 30_000);

  test("is taken from an owner that is suspended, which then can no longer write", async () => {
    const { child, next } = await holder();
    child.kill("SIGSTOP");
    const journal = await openJournal(path, { stale: 400, patience: 10_000 });
    await journal.record({ key: "k", kind: "message", target: "p", signer: "w", content: "c" }, async () => ({
      id: "new",
      raw: new Uint8Array(1),
    }));
    child.kill("SIGCONT");
    child.stdin?.write("go\n");
    expect(await next()).toBe("JOURNAL_LOST");
    expect((await readJournal(path)).map(({ id }) => id)).toEqual(["new"]);
    const gone = ended(child);
    child.stdin?.end();
    child.kill();
    await gone;
    // The process that lost the lock does not remove it when it ends.
    await journal.settle("k");
    await journal.close();
  }, 30_000);

  test.each([
    ["a process that no longer exists", { pid: 2 ** 22 - 1 }],
    ["a later process with the same id", { pid: process.pid, born: "1" }],
  ])("is free if its owner is %s", async (_, owner) => {
    const lock = { nonce: "n", born: "", host: hostname(), at: "2026-01-01T00:00:00.000Z", ...owner };
    await writeFile(`${path}.lock`, JSON.stringify(lock));
    await (await openJournal(path, { patience: 1000 })).close();
  });

  test.each(["", "garbage", '{"nonce":"n","pid":1'])(
    "is free if its lock is torn (%j) and nobody keeps it alive, and this is logged once",
    async (text) => {
      await writeFile(`${path}.lock`, text);
      const lines: string[] = [];
      const options = { patience: 3000, heartbeat: 50, note: (line: string) => lines.push(line) };
      await (await openJournal(path, options)).close();
      expect(lines).toEqual([
        `the lock ${path}.lock is empty or truncated, and no process holds it: replaced`,
      ]);
    },
  );

  test("is not taken from a living owner whose lock was torn, which then can no longer write", async () => {
    const { child, next } = await holder();
    await writeFile(`${path}.lock`, "");
    await expect(openJournal(path, { patience: 500, heartbeat: 5000 })).rejects.toMatchObject({
      code: "JOURNAL_LOCKED",
    });
    child.stdin?.write("go\n");
    expect(await next()).toBe("JOURNAL_UNWRITABLE");
    const gone = ended(child);
    child.stdin?.end();
    child.kill();
    await gone;
  });

  test("is not taken from a living owner whose lock looks old, as after the clock was set or the computer slept", async () => {
    const { child, next } = await holder(1000);
    const minuteAgo = new Date(Date.now() - 60_000);
    await utimes(`${path}.lock`, minuteAgo, minuteAgo);
    await expect(openJournal(path, { patience: 100 })).rejects.toMatchObject({ code: "JOURNAL_LOCKED" });
    child.stdin?.write("go\n");
    expect(await next()).toBe("written");
    const gone = ended(child);
    child.stdin?.end();
    child.kill();
    await gone;
  });

  test.each([
    ["within the patience", 0, 3000],
    ["beyond the patience if the lock is old already", 3_600_000, 50],
  ])(
    "is taken from an owner elsewhere that was seen to be silent, %s; who lost it before does not keep it alive",
    async (_, age, patience) => {
      const lost = await acquireLock(`${path}.lock`, { heartbeat: 20 });
      const lock = { nonce: "n", pid: 1, born: "", host: "elsewhere", at: "2026-01-01T00:00:00.000Z" };
      await rm(`${path}.lock`);
      await writeFile(`${path}.lock`, JSON.stringify(lock));
      const last = new Date(Date.now() - age);
      await utimes(`${path}.lock`, last, last);
      const started = performance.now();
      const journal = await openJournal(path, { patience, stale: 400 });
      expect(performance.now() - started).toBeGreaterThan(400);
      expect(() => lost.assertHeld()).toThrow("took over");
      await lost.release();
      await journal.settle("nothing");
      await journal.close();
    },
  );

  test("is not taken from an owner on another machine", async () => {
    const lock = { nonce: "n", pid: 1, born: "", host: "elsewhere", at: "2026-01-01T00:00:00.000Z" };
    await writeFile(`${path}.lock`, JSON.stringify(lock));
    await expect(openJournal(path, { patience: 100 })).rejects.toThrow("process 1 on elsewhere");
  });
});

describe("a lock that is held", () => {
  test("is reported as lost if its file is gone, and says so", async () => {
    const lock = await acquireLock(`${path}.lock`);
    await rm(`${path}.lock`);
    expect(problemOf(lock.assertHeld)).toMatchObject({
      code: "JOURNAL_LOST",
      what: expect.stringContaining("was removed"),
      got: `no file ${path}.lock`,
    });
    await lock.release();
  });

  test("is reported as unreadable, with the system's message, if it cannot be read", async () => {
    const lock = await acquireLock(`${path}.lock`);
    await rm(`${path}.lock`);
    // Reading it fails for every user, unlike a file without permissions.
    await mkdir(`${path}.lock`);
    expect(problemOf(lock.assertHeld)).toMatchObject({
      code: "JOURNAL_UNWRITABLE",
      got: expect.stringContaining("EISDIR"),
    });
    await rm(`${path}.lock`, { recursive: true });
    await lock.release();
  });
});

function problemOf(task: () => void): Problem | undefined {
  try {
    task();
  } catch (error) {
    return (error as FleetError).problems[0];
  }
  return undefined;
}

test("a process that holds many journals listens for its exit once, and no longer once they are closed", async () => {
  const before = process.listenerCount("exit");
  const paths = Array.from({ length: 12 }, (_, index) => join(dirname(path), `${index}.jsonl`));
  const journals = await Promise.all(paths.map((each) => openJournal(each)));
  expect(process.listenerCount("exit")).toBe(before + 1);
  for (const journal of journals) await journal.close();
  expect(process.listenerCount("exit")).toBe(before);
});

test("the journal stops on a full disk, loses nothing and leaves no partial record", async () => {
  const limited = spawn(
    "sh",
    ["-c", `ulimit -f 100; exec "$0" "$@"`, process.execPath, "--no-warnings", script, "fill", path],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const { value } = await createInterface({ input: limited.stdout })[Symbol.asyncIterator]().next();
  const [written, code] = String(value).split(" ");
  expect(code).toBe("JOURNAL_UNWRITABLE");
  expect(Number(written)).toBeGreaterThan(1);
  const journal = await openJournal(path, { patience: 5000 });
  expect(journal.dropped).toBeUndefined();
  expect(journal.history()).toHaveLength(Number(written) + 1);
  await journal.close();
}, 30_000);
