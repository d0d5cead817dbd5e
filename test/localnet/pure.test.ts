import { randomBytes, randomFillSync } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sqlOf } from "../../src/core/sql.ts";
import { isSigned, itemSigner, parseItem } from "../../src/localnet/ans104.ts";
import { chain, FIRST_HEIGHT } from "../../src/localnet/scheduler/blocks.ts";
import { parseCrons } from "../../src/localnet/scheduler/cron.ts";
import { deepHash, nextPlace } from "../../src/localnet/scheduler/order.ts";
import { openDatabase } from "../../src/localnet/store/database.ts";
import { memoriesOf } from "../../src/localnet/store/memories.ts";
import type { Assignment } from "../../src/localnet/types.ts";
import { memoryCache } from "../../src/localnet/units/memory-cache.ts";
import { evaluatedMessage } from "../../src/localnet/units/message.ts";
import {
  copyPages,
  decodeSnapshot,
  differingPages,
  encodeSnapshot,
  PAGE,
  restore,
  type Settled,
} from "../../src/localnet/wasm/snapshot.ts";
import { temporaryFolder } from "../kit/folder.ts";

const tags = (pairs: Record<string, string>) =>
  Object.entries(pairs).map(([name, value]) => ({ name, value }));

/** Changes a bit of a byte. */
function flip(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ 2;
}

test("a snapshot restores a memory exactly, from any other memory of the same image", () => {
  const write = fc.record({ at: fc.nat(6 * PAGE - 1), value: fc.nat(255) });
  const writes = fc.array(write, { maxLength: 12 });
  fc.assert(
    fc.property(writes, writes, writes, writes, (image, mine, later, others) => {
      const memory = (...layers: { at: number; value: number }[][]) => {
        const bytes = new Uint8Array(6 * PAGE);
        for (const { at, value } of layers.flat()) bytes[at] = value;
        return bytes;
      };
      const base = copyPages(memory(image), differingPages(memory(image), new Map()));
      const first = memory(image, mine);
      const made = encodeSnapshot(first, differingPages(first, base));
      const wanted = memory(image, mine, later);
      // Written after the first one, in the same instance or in another one that read it.
      const after = (settled: Settled | undefined) =>
        encodeSnapshot(wanted, differingPages(wanted, base), settled).snapshot;
      const snapshots: [Uint8Array, Uint8Array][] = [
        [made.snapshot, first],
        [after(made.settled), wanted],
        [after(decodeSnapshot(made.snapshot).settled), wanted],
      ];
      for (const [snapshot, expected] of snapshots) {
        const live = memory(image, others);
        const { byteLength, pages } = decodeSnapshot(snapshot);
        restore(live, base, differingPages(live, base), pages);
        expect(byteLength).toBe(expected.length);
        expect(Buffer.from(live).equals(expected)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test("a snapshot of an earlier version is read, and written in the present one", () => {
  const memory = new Uint8Array(3 * PAGE + 100).fill(7, PAGE, 2 * PAGE).fill(9, 3 * PAGE);
  const contents = [1, 3].map((page) => [page, memory.slice(page * PAGE, (page + 1) * PAGE)] as const);
  const head = Buffer.alloc(16 + 8);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(2, 4);
  head.writeDoubleLE(memory.length, 8);
  for (const [index, [page]] of contents.entries()) head.writeUInt32LE(page, 16 + index * 4);
  const old = decodeSnapshot(zstdCompressSync(Buffer.concat([head, ...contents.map(([, bytes]) => bytes)])));
  expect([old.byteLength, old.settled]).toEqual([memory.length, undefined]);
  const plain = (pages: Iterable<readonly [number, Uint8Array]>) =>
    [...pages].map(([page, bytes]) => [page, Buffer.from(bytes)]);
  expect(plain(old.pages)).toEqual(plain(contents));
  const { snapshot } = encodeSnapshot(memory, differingPages(memory, new Map()), old.settled);
  expect(plain(decodeSnapshot(snapshot).pages)).toEqual(plain(contents));
});

test("what few messages change is written next to what stays, and pages far from each other are found", () => {
  const memory = new Uint8Array(300 * PAGE);
  // Content that does not compress, as most of a process' memory.
  const touch = (...pages: number[]) => {
    for (const page of pages) randomFillSync(memory, page * PAGE, PAGE);
    return differingPages(memory, new Map());
  };
  const restored = (snapshot: Uint8Array) => {
    const live = new Uint8Array(memory.length).fill(5, 0, PAGE);
    restore(live, new Map(), [0], decodeSnapshot(snapshot).pages);
    return Buffer.from(live);
  };
  const stays = [1, 63, 64, 127, 128, 191, 290, 299];
  const dirty = touch(...stays);
  expect(dirty).toEqual(stays);
  const first = encodeSnapshot(memory, dirty);
  const { settled } = first;
  const more = touch(200);
  const { snapshot, settled: same } = encodeSnapshot(memory, more, settled);
  expect(same).toBe(settled);
  expect([...decodeSnapshot(snapshot).pages.keys()].sort((a, b) => a - b)).toEqual(
    [...stays, 200].sort((a, b) => a - b),
  );
  // A few bytes of every page, as Lua's garbage collector changes after each message: little is written, and the rest is as before.
  for (const page of stays) for (let at = 0; at < PAGE; at += 400) flip(memory, page * PAGE + at);
  const marked = encodeSnapshot(memory, differingPages(memory, new Map()), settled);
  expect(marked.settled).toBe(settled);
  expect(marked.snapshot.length - first.snapshot.length).toBeLessThan(PAGE * 1.2);
  expect(restored(marked.snapshot).equals(memory)).toBe(true);
  // A page that is empty again is restored as empty.
  memory.fill(0, PAGE, 2 * PAGE);
  const back = encodeSnapshot(memory, differingPages(memory, new Map()), settled);
  expect(restored(back.snapshot).equals(memory)).toBe(true);
  // Much of it changed: everything is written again.
  expect(
    encodeSnapshot(memory, touch(...Array.from({ length: 20 }, (_, at) => 210 + at)), settled).settled,
  ).not.toBe(settled);
  const changed = encodeSnapshot(memory, touch(...stays), settled);
  expect(changed.settled).not.toBe(settled);
  expect(restored(changed.snapshot).equals(memory)).toBe(true);
});

test("a store of the earlier version is opened, and then refused by programs that know only that one; a later one is refused", () => {
  const path = join(temporaryFolder("store"), "network.sqlite");
  openDatabase(path).close();
  const version = (set?: string) => {
    const database = new DatabaseSync(path);
    if (set !== undefined) database.prepare("UPDATE meta SET value = ? WHERE key = 'version'").run(set);
    const found = database.prepare("SELECT value FROM meta WHERE key = 'version'").get()?.value;
    database.close();
    return found;
  };
  expect(version("1")).toBe("1");
  openDatabase(path).close();
  expect(version()).toBe("2");
  version("3");
  expect(() => openDatabase(path)).toThrow("has version 3; this program requires version 2");
});

test("a memory is written in blocks: only those that changed, also one that a store of an earlier version has whole", () => {
  const sql = sqlOf(openDatabase(":memory:"));
  const memories = memoriesOf(sql);
  const first = randomBytes(300_000);
  sql.run("INSERT INTO memories (process, memory) VALUES ('p', ?)", first);
  expect(Buffer.from(memories.memory("p") ?? []).equals(first)).toBe(true);
  const written = (before: Uint8Array | null, after: Uint8Array) => {
    const changes = () => Number(sql.row("SELECT total_changes() AS n")?.n);
    const from = changes();
    memories.save("p", { before, after });
    expect(Buffer.from(memories.memory("p") ?? []).equals(after)).toBe(true);
    return changes() - from;
  };
  // Five blocks, and the whole one is gone.
  expect(written(first, first)).toBe(6);
  const second = Buffer.from(first);
  flip(second, 299_999);
  expect(written(first, second)).toBe(1);
  const shorter = second.subarray(0, 140_000);
  // Its last block is shorter, and two are gone.
  expect(written(second, shorter)).toBe(3);
  expect(written(shorter, Buffer.concat([shorter, randomBytes(100_000)]))).toBe(2);
  memories.save("q", { before: null, after: second });
  expect(Buffer.from(memories.memory("q") ?? []).equals(second)).toBe(true);
  expect(memories.memory("r")).toBe(null);
});

test("slots have no gaps, times do not go back, and the chain depends on everything before", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 2, maxLength: 20 }), (times) => {
      const order: Assignment[] = [];
      for (const [index, now] of times.entries()) {
        const id = Buffer.from([index]).toString("base64url");
        const place = nextPlace(order.at(-1), now);
        order.push({
          ...place,
          id,
          process: "p",
          message: id,
          assigned: false,
          exclude: [],
          height: 0,
          deepHash: null,
        });
      }
      expect(order.map(({ nonce }) => nonce)).toEqual(times.map((_, index) => index));
      expect(order.map(({ timestamp }) => timestamp)).toEqual(
        times.map((_, index) => Math.max(...times.slice(0, index + 1))),
      );
      expect(new Set(order.map(({ hashChain }) => hashChain)).size).toBe(order.length);
    }),
    { numRuns: 50 },
  );
});

test("a pushed message is the same whatever the order of its tags, and another when anything else differs", () => {
  const item = { target: "t", anchor: "a", tags: tags({ A: "1", B: "2" }), data: Buffer.from("d") };
  const same = deepHash({ ...item, tags: tags({ B: "2", A: "1" }) });
  expect(deepHash(item)).toBe(same);
  const others = [{ target: "u" }, { anchor: "b" }, { tags: tags({ A: "1" }) }, { data: Buffer.from("e") }];
  for (const other of others) expect(deepHash({ ...item, ...other })).not.toBe(same);
});

test("blocks follow the clock and name their predecessor", () => {
  const { heightAt, block } = chain(1_000_000, 10);
  expect([0, 999_999, 1_000_000, 1_009_999, 1_010_000, 1_100_000].map(heightAt)).toEqual(
    [0, 0, 0, 0, 1, 10].map((n) => FIRST_HEIGHT + n),
  );
  expect(block(FIRST_HEIGHT + 2)).toMatchObject({
    timestamp: 1_020_000,
    previous: block(FIRST_HEIGHT + 1).id,
  });
});

describe("crons", () => {
  test("each interval takes the tags that follow it", () => {
    const declared = [
      { name: "Cron-Interval", value: "5-minutes" },
      { name: "Cron-Tag-Action", value: "Tick" },
      { name: "Name", value: "x" },
      { name: "Cron-Interval", value: "1-block" },
      { name: "Cron-Tag-Action", value: "Block" },
    ];
    expect(parseCrons(declared)).toEqual([
      { interval: "5-minutes", unit: "milliseconds", every: 300_000, tags: tags({ Action: "Tick" }) },
      { interval: "1-block", unit: "blocks", every: 1, tags: tags({ Action: "Block" }) },
    ]);
  });
  test.each(["", "x", "0-seconds", "-1-seconds", "1.5-hours", "10-lightyears", "500-milliseconds"])(
    "%j is not an interval",
    (value) => {
      expect(() => parseCrons(tags({ "Cron-Interval": value }))).toThrow(/Cron-Interval|cron/);
    },
  );
  test("a tag without an interval is an error", () => {
    expect(() => parseCrons(tags({ "Cron-Tag-Action": "x" }))).toThrow("no preceding Cron-Interval");
  });
});

test("the units' signatures are real, repeatable, and invalid after any change", async () => {
  const signer = itemSigner("07".repeat(32));
  const fields = {
    data: "hello",
    tags: tags({ A: "1" }),
    target: `${"t".repeat(42)}A`,
    anchor: "1".repeat(32),
  };
  const [item, again] = [await signer.sign(fields), await signer.sign(fields)];
  expect(item.raw.equals(again.raw)).toBe(true);
  expect(parseItem(item.raw)).toMatchObject({
    id: item.id,
    owner: signer.address,
    anchor: "1".repeat(32),
    tags: tags({ A: "1" }),
  });
  expect(await isSigned(item.raw)).toBe(true);
  const changed = Buffer.from(item.raw);
  changed[changed.length - 1] = 0;
  expect(await isSigned(changed)).toBe(false);
  expect(await isSigned(Buffer.from("no item"))).toBe(false);
});

test("a message is delivered without tags that fake its sender, and without binary data", () => {
  const item = {
    ...{ id: "m", owner: "mu", ownerKey: "", signature: "s", target: "p", anchor: "" },
    tags: [...tags({ From: "king", Owner: "king", Action: "x" }), { name: "From-Process", value: "q" }],
    ...{ dataOffset: 0, dataSize: 2, height: 1, timestamp: 1 },
  };
  const place = {
    id: "a",
    process: "p",
    nonce: 3,
    message: "m",
    assigned: false,
    exclude: [],
    hashChain: "h",
  };
  const assignment = { ...place, height: 7, timestamp: 9, deepHash: null };
  const message = evaluatedMessage(assignment, item, Buffer.from([0xff, 0xfe]));
  expect(message).toMatchObject({
    Owner: "mu",
    From: "q",
    "Forwarded-By": "mu",
    Nonce: 3,
    "Block-Height": 7,
    Timestamp: 9,
  });
  expect(message.Tags.map(({ name }) => name)).toEqual(["Action", "From-Process"]);
  expect("Data" in message).toBe(false);
  expect(evaluatedMessage(assignment, item, Buffer.from("ü")).Data).toBe("ü");
});

test("the cache of memories keeps to its size and reads the rest from the store", () => {
  const reads: string[] = [];
  const cache = memoryCache(
    {
      memory(process) {
        reads.push(process);
        return process === "none" ? null : new Uint8Array(40);
      },
    },
    100,
  );
  for (const process of ["a", "b", "a", "c", "a", "b"]) expect(cache.get(process)?.length).toBe(40);
  expect(reads).toEqual(["a", "b", "c", "b"]);
  expect(cache.get("none")).toBe(null);
  cache.set("big", new Uint8Array(500));
  expect(cache.get("big")?.length).toBe(500);
  expect(reads.slice(4)).toEqual(["none"]);
});
