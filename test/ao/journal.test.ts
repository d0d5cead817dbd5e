import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { openAppender } from "../../src/ao/journal/disk.ts";
import { type Journal, openJournal, readJournal } from "../../src/ao/journal/index.ts";
import { Intents } from "../../src/ao/journal/intents.ts";
import { decodeRecord } from "../../src/ao/journal/records.ts";
import { temporaryFolder } from "../kit/folder.ts";

const folder = temporaryFolder("journal");
let path: string;

beforeEach((context) => {
  path = join(folder, context.task.id, "p.s.jsonl");
});

const input = (key: string, more: Partial<Parameters<Journal["record"]>[0]> = {}) =>
  ({ key, kind: "message", target: "p", signer: "w", content: "c", ...more }) as const;
let made = 0;
const item = (size = 40) => {
  made += 1;
  return Promise.resolve({ id: `id-${made}`, raw: new Uint8Array(size).fill(made) });
};

async function withJournal<T>(use: (journal: Journal) => Promise<T>): Promise<T> {
  const journal = await openJournal(path);
  try {
    return await use(journal);
  } finally {
    await journal.close();
  }
}

describe("a record", () => {
  test("is read back after the journal is opened again, for small and large bodies", async () => {
    const before = await withJournal(async (journal) => {
      expect(journal.isNew).toBe(true);
      const small = await journal.record(input("small"), () => item());
      const big = await journal.record(input("big", { kind: "spawn", target: "" }), () => item(100_000));
      await journal.sent("big");
      return [small.item, big.item];
    });
    await withJournal(async (journal) => {
      expect(journal.isNew).toBe(false);
      expect(journal.open().map(({ key, state, kind, n }) => ({ key, state, kind, n }))).toEqual([
        { key: "small", state: "signed", kind: "message", n: 1 },
        { key: "big", state: "sent", kind: "spawn", n: 1 },
      ]);
      const again = await Promise.all(journal.open().map((intent) => journal.item(intent)));
      expect(again).toEqual(before);
      expect(journal.byId(again[0]?.id ?? "")?.key).toBe("small");
    });
  });

  test("is private to its owner", async () => {
    await withJournal((journal) => journal.record(input("k"), () => item(100_000)));
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect((await stat(`${path}.blobs`)).mode & 0o077).toBe(0);
  });

  test("is reused until it is settled; then the key's count continues", async () => {
    await withJournal(async (journal) => {
      const first = await journal.record(input("k"), () => item());
      const second = await journal.record(input("k"), () => item());
      expect(second).toEqual({ ...first, resent: true });
      await journal.settle("k");
      await journal.settle("k");
      expect(journal.signed("k")).toBeUndefined();
      const third = await journal.record(input("k"), () => item());
      expect(third.intent).toMatchObject({ n: 2, state: "signed" });
    });
    await withJournal(async (journal) => {
      await journal.void("k", "no longer wanted");
      const fourth = await journal.record(input("k"), () => item());
      expect(fourth.intent.n).toBe(3);
      expect(journal.history().map(({ state }) => state)).toEqual(["settled", "voided", "signed"]);
      expect(journal.history()[1]?.reason).toBe("no longer wanted");
    });
  });

  test("is voided if another wallet signed the message; a spawn with other content is kept", async () => {
    await withJournal(async (journal) => {
      const spawn = await journal.record(input("spawn", { kind: "spawn" }), () => item());
      const kept = await journal.record(input("spawn", { kind: "spawn", content: "other" }), () => item());
      expect(kept.item).toEqual(spawn.item);
      const changed = await journal.record(input("spawn", { kind: "spawn", signer: "other" }), () => item());
      expect(changed.item.id).not.toBe(spawn.item.id);
      expect(journal.byId(spawn.item.id)).toMatchObject({ state: "voided", reason: "another signer" });
    });
  });

  test("does not exist if signing fails, and its key is free", async () => {
    await withJournal(async (journal) => {
      await expect(journal.record(input("k"), () => Promise.reject(new Error("no key")))).rejects.toThrow(
        "no key",
      );
      expect((await journal.record(input("k"), () => item())).intent.n).toBe(1);
    });
  });

  test("loses its body once settled, in the folder and in the rewritten file", async () => {
    await withJournal(async (journal) => {
      await journal.record(input("big"), () => item(100_000));
      await journal.record(input("small"), () => item(10_000));
      await journal.record(input("open"), () => item());
      expect(await readdir(`${path}.blobs`)).toHaveLength(1);
      await journal.settle("big");
      await journal.settle("small");
      expect(await readdir(`${path}.blobs`)).toEqual([]);
      const before = (await stat(path)).size;
      const known = journal.history();
      await journal.compact();
      expect((await stat(path)).size).toBeLessThan(before / 5);
      expect(journal.history()).toEqual(known);
      await journal.record(input("after"), () => item());
    });
    await withJournal(async (journal) => {
      expect(journal.history().map(({ key, state }) => `${key} ${state}`)).toEqual([
        "big settled",
        "small settled",
        "open signed",
        "after signed",
      ]);
      expect((await journal.record(input("small"), () => item())).intent.n).toBe(2);
    });
  });

  test("is kept if it was being written when the rewrite began", async () => {
    const other = await openJournal(path);
    await withJournal(async (journal) => {
      await journal.record(input("closed"), () => item());
      await journal.settle("closed");
      let writing: Promise<unknown> | undefined;
      await new Promise<void>((wasSigned) => {
        writing = other.record(input("late"), () => {
          wasSigned();
          return item();
        });
      });
      // In these steps the record reaches the file's queue; it cannot reach the disk, because the event loop does not turn.
      for (let step = 0; step < 100; step += 1) await Promise.resolve();
      const compacting = journal.compact();
      const after = other.record(input("later"), () => item());
      await Promise.all([writing, compacting, after]);
      await other.sent("late");
    });
    await other.close();
    expect((await readJournal(path)).map(({ key, state }) => `${key} ${state}`)).toEqual([
      "closed settled",
      "late sent",
      "later signed",
    ]);
  });

  test("survives when another process took the journal over: the rewrite replaces nothing", async () => {
    const late = JSON.stringify({
      nonce: "n",
      pid: process.pid,
      born: "",
      host: "elsewhere",
      at: "2026-01-01T00:00:00Z",
    });
    await withJournal(async (journal) => {
      await journal.record(input("mine"), () => item());
      const compacting = journal.compact();
      writeFileSync(`${path}.lock`, late);
      appendFileSync(path, "a record of the other's\n");
      await expect(compacting).rejects.toMatchObject({ code: "JOURNAL_LOST" });
      await expect(journal.settle("mine")).rejects.toMatchObject({ code: "JOURNAL_LOST" });
    });
    expect(readFileSync(path, "utf8").trimEnd().split("\n")[1]).toBe("a record of the other's");
    expect((await readdir(join(path, ".."))).filter((name) => !/lock$/.test(name))).toEqual(["p.s.jsonl"]);
  });

  test("is safe in a rewrite, which checks the file's owner right before it replaces the file", async () => {
    await mkdir(join(path, ".."), { recursive: true });
    const drafts = () => readdirSync(join(path, "..")).length - 1;
    let isMine = true;
    const appender = await openAppender(path, 0, () => {
      if (drafts() > 0) isMine = false;
      if (!isMine) throw new Error("lost");
    });
    await appender.append("one\n");
    await expect(appender.replace(() => "other\n")).rejects.toThrow("lost");
    await expect(appender.append("two\n")).rejects.toThrow("lost");
    await appender.close();
    expect(await readFile(path, "utf8")).toBe("one\n");
    expect(drafts()).toBe(0);
  });

  test("is dropped by a rewrite that starts by itself when most of a large file is old", async () => {
    await withJournal(async (journal) => {
      const keys = Array.from({ length: 80 }, (_, n) => `k${n}`);
      await Promise.all(keys.map((key) => journal.record(input(key), () => item(12_000))));
      await Promise.all(keys.map((key) => journal.settle(key)));
    });
    expect((await stat(path)).size).toBeGreaterThan(1_000_000);
    await withJournal(async () => {
      expect((await stat(path)).size).toBeLessThan(60_000);
    });
  });

  test("can be read while another process holds the journal", async () => {
    expect(await readJournal(path)).toEqual([]);
    await withJournal(async (journal) => {
      await journal.record(input("k"), () => item());
      expect(await readJournal(path)).toEqual(journal.history());
    });
  });
});

describe("a damaged journal", () => {
  test("that is cut at any byte keeps every whole record before it, reports the cut, and continues", async () => {
    await withJournal(async (journal) => {
      await journal.record(input("a"), () => item());
      await journal.sent("a");
      await journal.record(input("b"), () => item());
      await journal.settle("a");
    });
    const whole = await readFile(path);
    const ends = [...whole.keys()].filter((at) => whole[at] === 0x0a).map((at) => at + 1);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      await writeFile(path, whole.subarray(0, cut));
      const journal = await openJournal(path);
      const good = ends.filter((end) => end <= cut).length;
      const torn = cut !== 0 && !ends.includes(cut);
      expect(journal.history()).toHaveLength([0, 1, 1, 2, 2][good] ?? -1);
      expect(journal.dropped?.includes(`record ${good} is the last good one`) ?? false).toBe(torn);
      if (torn) {
        await journal.record(input(`after-${cut}`), () => item());
        expect((await readJournal(path)).at(-1)?.key).toBe(`after-${cut}`);
      }
      await journal.close();
    }
  });

  test("with a changed byte in the middle is refused, and the error names the line", async () => {
    await withJournal(async (journal) => {
      await journal.record(input("a"), () => item());
      await journal.record(input("b"), () => item());
    });
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace('"key":"a"', '"key":"x"'));
    await expect(openJournal(path)).rejects.toMatchObject({
      code: "JOURNAL_DAMAGED",
      problems: [expect.objectContaining({ at: `${path}:1:1`, got: "checksum differs" })],
    });
    await writeFile(path, text);
    await withJournal(async (journal) => expect(journal.open()).toHaveLength(2));
  });

  test("with a missing or changed large body is an error, and does not lead to another signature", async () => {
    await withJournal((journal) => journal.record(input("k"), () => item(100_000)));
    const [name = ""] = await readdir(`${path}.blobs`);
    await writeFile(join(`${path}.blobs`, name), "other");
    await withJournal(async (journal) => {
      await expect(journal.record(input("k"), () => item())).rejects.toMatchObject({
        code: "JOURNAL_DAMAGED",
      });
      await rm(join(`${path}.blobs`, name));
      await expect(journal.record(input("k"), () => item())).rejects.toMatchObject({
        code: "JOURNAL_DAMAGED",
      });
    });
  });

  test("loses bodies that no record names", async () => {
    await withJournal((journal) => journal.record(input("k"), () => item(100_000)));
    await writeFile(join(`${path}.blobs`, "left-over"), "half");
    await withJournal(async (journal) => {
      expect(await readdir(`${path}.blobs`)).toHaveLength(1);
      expect((await journal.record(input("k"), () => item())).resent).toBe(true);
    });
  });

  test("whose path is not a folder is an error with a remedy", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(openJournal(join(folder, "file", "p.jsonl"))).rejects.toMatchObject({
      code: "JOURNAL_UNWRITABLE",
    });
  });
});

test("all users in one process share the journal, and the last one releases it", async () => {
  const [one, two] = await Promise.all([openJournal(path), openJournal(join(path, "..", "p.s.jsonl"))]);
  await one.record(input("k"), () => item());
  expect(two.signed("k")?.key).toBe("k");
  await one.close();
  await one.close();
  await two.settle("k");
  await two.close();
  expect((await readdir(join(path, ".."))).filter((name) => name.includes("lock"))).toEqual([]);
});

test("200 concurrent records are all on disk and whole", async () => {
  await withJournal(async (journal) => {
    await Promise.all(Array.from({ length: 200 }, (_, n) => journal.record(input(`k${n}`), () => item())));
  });
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines).toHaveLength(200);
  expect(lines.every((line) => !("damaged" in decodeRecord(line)))).toBe(true);
});

test("a rewrite forgets the keys of the closed messages that it drops, and no others", () => {
  const intents = new Intents();
  const signed = (n: number, what: "message" | "spawn", more = {}) =>
    ({
      kind: "signed",
      key: `k${n}`,
      n: 1,
      what,
      id: `id-${n}`,
      target: "p",
      signer: "w",
      content: "c",
      at: n,
      ...more,
    }) as const;
  const settled = (n: number) => ({ kind: "settled", key: `k${n}`, n: 1, at: n }) as const;
  intents.apply(signed(0, "spawn"));
  intents.apply(settled(0));
  for (let n = 1; n <= 10_003; n += 1) {
    intents.apply(signed(n, "message"));
    intents.apply(settled(n));
  }
  // One of the oldest keys is used again.
  intents.apply({ ...signed(2, "message"), n: 2, id: "again", raw: "eA==" });
  intents.compacted();
  expect([0, 1, 2, 3, 4].map((n) => intents.lastOf(`k${n}`))).toEqual([1, 0, 2, 0, 1]);
  expect(intents.list()).toHaveLength(10_002);
});

test("a record keeps the slot from which its message is looked for, also after a rewrite", async () => {
  await withJournal(async (journal) => {
    const { intent } = await journal.record(input("k", { floor: 7 }), () => item());
    expect(intent.floor).toBe(7);
    await journal.compact();
  });
  await withJournal(async (journal) => {
    expect(journal.signed("k")?.floor).toBe(7);
    expect((await journal.record(input("k", { floor: 9 }), () => item())).intent.floor).toBe(7);
  });
});
