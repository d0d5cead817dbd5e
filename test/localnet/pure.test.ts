import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSigned, itemSigner, parseItem } from "../../src/localnet/ans104.ts";
import { chain, FIRST_HEIGHT } from "../../src/localnet/scheduler/blocks.ts";
import { parseCrons } from "../../src/localnet/scheduler/cron.ts";
import { deepHash, nextPlace } from "../../src/localnet/scheduler/order.ts";
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
} from "../../src/localnet/wasm/snapshot.ts";

const tags = (pairs: Record<string, string>) =>
  Object.entries(pairs).map(([name, value]) => ({ name, value }));

test("a snapshot restores a memory exactly, from any other memory of the same image", () => {
  const write = fc.record({ at: fc.nat(6 * PAGE - 1), value: fc.nat(255) });
  const writes = fc.array(write, { maxLength: 12 });
  fc.assert(
    fc.property(writes, writes, writes, (image, mine, others) => {
      const memory = (...layers: { at: number; value: number }[][]) => {
        const bytes = new Uint8Array(6 * PAGE);
        for (const { at, value } of layers.flat()) bytes[at] = value;
        return bytes;
      };
      const base = copyPages(memory(image), differingPages(memory(image), new Map()));
      const wanted = memory(image, mine);
      const snapshot = encodeSnapshot(wanted.length, copyPages(wanted, differingPages(wanted, base)));
      const live = memory(image, others);
      const { byteLength, pages } = decodeSnapshot(snapshot);
      restore(live, base, differingPages(live, base), pages);
      expect(byteLength).toBe(wanted.length);
      expect(Buffer.from(live).equals(wanted)).toBe(true);
    }),
    { numRuns: 60 },
  );
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
