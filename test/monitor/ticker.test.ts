import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Ao, Scheduled, Tags } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { scheduledIn } from "../../src/fleet/crons.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { SentTicks } from "../../src/operations/tick/sent-ticks.ts";
import { type Ticked, Ticker } from "../../src/operations/tick/ticker.ts";
import { ADDRESS, fakeAo, fakeFleet, idOf } from "../cli/fakes.ts";

const SPAWNED = Date.UTC(2026, 0, 1);
const EVERY = 30_000;
const CRON = { interval: "30-seconds", everyMs: EVERY, tags: { Action: "TICK" } };
const shop: Ticked = { name: "shop", generation: 1, processId: idOf("shop"), cron: CRON };
const down = new FleetError(
  { code: "UNIT_DOWN", what: "The node is down", remedy: "Wait." },
  { transient: true },
);

/** A journal in memory: key → state. */
type Memory = Map<string, "signed" | "sent" | "settled" | "voided">;

/** A process with an order of messages, and monitors that tick it. The test turns the clock. */
class World {
  now = SPAWNED;
  /** Reads of the order that a node answers in one attempt. */
  reads = Number.POSITIVE_INFINITY;
  #readsLeft = 0;
  /** What a node does with a post. */
  post: "takes" | "fails" | "takes and fails" | "breaks" = "takes";
  readonly order: Scheduled[] = [];
  readonly notes: string[] = [];
  readonly #tickers: Ticker[] = [];

  constructor() {
    this.add({ tags: {}, from: ADDRESS });
  }

  add(message: { tags: Tags; from: string; messageId?: string }): void {
    const slot = this.order.length;
    const rest = { slot, timestamp: this.now, action: message.tags.Action ?? "", data: "" };
    this.order.push({ messageId: `m${slot}`, ...message, ...rest });
  }

  /** Starts a monitor. @param chance its own random number; @param memory its journal */
  start(chance = 0, memory: Memory = new Map()): Ticker {
    const { session } = fakeFleet(this.#ao(memory), []);
    const journal = {
      open: () => [...memory].flatMap(([key, state]) => (isOpen(state) ? [{ key, state }] : [])),
      settle: async (key: string) => void memory.set(key, "settled"),
      void: async (key: string) => void memory.set(key, "voided"),
      compact: async () => {},
    };
    const clock = { now: () => this.now, ticks: () => 0, sleep: async (ms: number) => this.#sleep(ms) };
    const note = (line: string) => void this.notes.push(line);
    const own = { ...session, journal: journal as unknown as Session["journal"] };
    const ticker = new Ticker({ session: own, clock, ticked: async () => [shop], note, chance });
    this.#tickers.push(ticker);
    return ticker;
  }

  stop(ticker: Ticker): void {
    this.#tickers.splice(this.#tickers.indexOf(ticker), 1);
  }

  /** Time passes, second by second, while the monitors work. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.now += 1000;
      for (const ticker of this.#tickers) await ticker.pass();
      await setImmediate();
    }
  }

  /** The ticks in the order, in seconds after the spawn: for when, and when they were sent. */
  ticks(): [number, number][] {
    const seconds = (at: number) => (at - SPAWNED) / 1000;
    return this.order.flatMap(({ tags, timestamp }) =>
      tags["Cron-Scheduled"] === undefined
        ? []
        : [[seconds(Number(tags["Cron-Scheduled"])), seconds(timestamp)] as [number, number]],
    );
  }

  async #sleep(ms: number): Promise<void> {
    this.now += ms;
    await setImmediate();
  }

  #ao(memory: Memory): Ao {
    return {
      ...fakeAo(() => ({})),
      latest: async () => {
        this.#readsLeft = this.reads;
        return this.order.length - 1;
      },
      range: async ({ from, to }) => {
        if (to > 0) this.#readsLeft -= 1;
        if (this.#readsLeft < 0) throw down;
        return this.order.slice(from, to + 1);
      },
      send: async ({ intent, tags }) => {
        const messageId = `by ${intent}`;
        const resent = memory.has(intent);
        if (!resent) memory.set(intent, "signed");
        if (this.post === "fails") throw down;
        if (this.post === "breaks") throw new TypeError("a bug");
        // The same bytes are looked up first.
        if (!this.order.some((each) => resent && each.messageId === messageId))
          this.add({ tags, from: ADDRESS, messageId });
        if (this.post === "takes and fails") throw down;
        memory.set(intent, "sent");
        return { id: messageId, resent };
      },
    };
  }
}

const isOpen = (state: string) => state === "signed" || state === "sent";
const dueOf = (ticks: readonly [number, number][]) => ticks.map(([due]) => due);

describe("a monitor", () => {
  test("sends each tick once, on time, with the tags that the cron declares; only the first waits for other monitors", async () => {
    const world = new World();
    world.start();
    await world.pass(125);
    expect(world.ticks()).toEqual([
      [30, 35],
      [60, 60],
      [90, 90],
      [120, 120],
    ]);
    expect(world.order.at(-1)?.tags).toEqual({
      Action: "TICK",
      Cron: "true",
      "Cron-Scheduled": String(SPAWNED + 120_000),
    });
    expect(world.notes).toEqual([]);
  });

  test("that starts again sends only the latest of the ticks that were missed, and nothing twice", async () => {
    const world = new World();
    const memory: Memory = new Map();
    const first = world.start(0, memory);
    await world.pass(61);
    world.stop(first);
    await world.pass(600);
    const second = world.start(0, memory);
    await world.pass(20);
    world.stop(second);
    world.start(0, memory);
    await world.pass(9);
    expect(world.ticks()).toEqual([
      [30, 35],
      [60, 60],
      [660, 667],
    ]);
  });

  test("sends nothing before the first interval of a process has passed", async () => {
    const world = new World();
    world.start();
    await world.pass(29);
    expect(world.ticks()).toEqual([]);
  });

  test("once: sends what is due and returns", async () => {
    const world = new World();
    world.now += 100_000;
    await world.start().once();
    expect(dueOf(world.ticks())).toEqual([90]);
    await world.start().once();
    expect(dueOf(world.ticks())).toEqual([90]);
    await new World().start().once();
  });

  test("once: does not wait for a node that is down", async () => {
    const world = new World();
    world.now += 100_000;
    world.post = "fails";
    await world.start().once();
    expect(world.notes).toEqual(["shop: its tick was not sent: The node is down [UNIT_DOWN]"]);
  });

  test("ends by a bug", async () => {
    const world = new World();
    world.now += 100_000;
    world.post = "breaks";
    await expect(world.start().run(new AbortController().signal)).rejects.toThrow("a bug");
  });
});

describe("two monitors", () => {
  test.each([0, 0.5, 1])("send each tick once: the one that sent the latest leads (%d)", async (chance) => {
    const world = new World();
    world.start(chance);
    await world.pass(3);
    world.start(1 - chance / 2);
    await world.pass(600);
    expect(dueOf(world.ticks())).toEqual(Array.from({ length: 20 }, (_, n) => 30 * (n + 1)));
  });

  test("replace each other: when the leading one stops, the other sends the tick of that time", async () => {
    const world = new World();
    const first = world.start(0);
    await world.pass(70);
    world.start(1);
    await world.pass(25);
    world.stop(first);
    await world.pass(60);
    expect(world.ticks()).toEqual([
      [30, 35],
      [60, 60],
      [90, 90],
      [120, 130],
      [150, 150],
    ]);
  });
});

describe("a node that fails", () => {
  test("gets the same message again while the tick is the latest, and never one of an earlier time", async () => {
    const world = new World();
    const memory: Memory = new Map();
    world.start(0, memory);
    await world.pass(61);
    world.post = "fails";
    await world.pass(50);
    world.post = "takes";
    await world.pass(40);
    expect(world.ticks().slice(2)).toEqual([
      [90, 115],
      [120, 120],
      [150, 150],
    ]);
    world.post = "fails";
    await world.pass(65);
    world.post = "takes";
    await world.pass(10);
    // The ticks for 180 and 210 seconds were signed and not taken.
    expect(dueOf(world.ticks())).toEqual([30, 60, 90, 120, 150, 210]);
    expect([...memory.values()].filter(isOpen)).toEqual(["sent"]);
    expect([...memory.values()].filter((state) => state === "voided")).toHaveLength(1);
  });

  test("and takes it all the same has one message for each tick", async () => {
    const world = new World();
    world.start();
    world.post = "takes and fails";
    await world.pass(130);
    world.post = "takes";
    await world.pass(60);
    expect(dueOf(world.ticks())).toEqual([30, 60, 90, 120, 150, 180]);
  });
});

describe("the order of a process", () => {
  const forged = (from: string, more: Tags = {}) => ({
    tags: { Action: "TICK", Cron: "true", "Cron-Scheduled": String(SPAWNED + 30_000), ...more },
    from,
  });

  test("holds no tick for a stranger's message that looks like one, also if it names the owner as its sender", async () => {
    const world = new World();
    world.start();
    await world.pass(29);
    for (let n = 0; n < 100; n += 1) world.add(forged(idOf(`stranger-${n}`)));
    world.add(forged(ADDRESS, { "From-Process": ADDRESS }));
    await world.pass(10);
    expect(world.order.filter(({ messageId }) => messageId.startsWith("by "))).toHaveLength(1);
  });

  test("holds no tick for a time that its process refuses: one that is far ahead stops no monitor", async () => {
    const world = new World();
    world.start();
    await world.pass(29);
    world.add(forged(ADDRESS, { "Cron-Scheduled": String(world.now + 600_001) }));
    await world.pass(40);
    expect(dueOf(world.ticks()).slice(1)).toEqual([30, 60]);
    // Another monitor's clock may be ahead by ten minutes.
    const message = {
      ...forged(ADDRESS, { "Cron-Scheduled": String(SPAWNED + 600_000) }),
      timestamp: SPAWNED,
    };
    expect(scheduledIn(message, ADDRESS)).toBe(SPAWNED + 600_000);
  });

  test("may get more messages than one attempt reads: the next one continues", async () => {
    const world = new World();
    world.start();
    await world.pass(35);
    for (let n = 0; n < 3000; n += 1) world.add({ tags: {}, from: idOf("stranger") });
    world.reads = 2;
    await world.pass(60);
    expect(world.ticks()).toEqual([
      [30, 35],
      [60, 75],
      [90, 90],
    ]);
    expect(world.notes).toEqual(Array(3).fill("shop: its tick was not sent: The node is down [UNIT_DOWN]"));
  });

  test("is read from its end, down to the latest tick or to messages that are old enough, and no part of it twice", async () => {
    const world = new World();
    const reads: number[] = [];
    let answers = Number.POSITIVE_INFINITY;
    const ao = {
      address: ADDRESS,
      latest: async () => world.order.length - 1,
      range: async ({ from, to }: { from: number; to: number }) => {
        if (reads.length >= answers) throw down;
        reads.push(to - from + 1);
        return world.order.slice(from, to + 1);
      },
    };
    const read = async (order: SentTicks, since = SPAWNED) => {
      reads.length = 0;
      const latest = await order.readLatest(ao, since, budgetOf(5));
      return { due: latest?.scheduledAt, reads: [...reads] };
    };
    const add = (count: number) => {
      for (let n = 0; n < count; n += 1) {
        if (world.order.length === 601) world.add({ ...forged(ADDRESS) });
        else world.add({ tags: {}, from: idOf("player") });
        world.now += 12_000;
      }
    };
    add(2249);
    const due = SPAWNED + 30_000;
    // Slot 601 is in the fourth page from the end.
    const whole = new SentTicks(idOf("shop"));
    expect(await read(whole)).toEqual({ due, reads: [500, 500, 500, 500] });
    expect(await read(whole)).toEqual({ due, reads: [] });
    const recent = new SentTicks(idOf("shop"));
    expect(await read(recent, world.now - 3_600_000)).toEqual({ due: undefined, reads: [500] });
    const broken = new SentTicks(idOf("shop"));
    answers = 2;
    await expect(read(broken)).rejects.toThrow("The node is down");
    answers = Number.POSITIVE_INFINITY;
    add(10);
    for (const order of [whole, recent]) expect((await read(order)).reads).toEqual([10]);
    expect(await read(broken)).toEqual({ due, reads: [10, 500, 500] });
  });
});
