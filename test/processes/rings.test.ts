/** What strangers send removes no record of others: every bounded list, on real aos. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, OWNER, type Reply, type ReplyData, readReply } from "./aos.ts";
import { COUNTER } from "./programs.ts";

const STRANGER = address("stranger");
const VICTIM = address("victim");
const FRIEND = address("friend");
const wallet = (n: number) => address(`wallet-${n}`);

async function ask(p: Aos, from: string, action: string, data: object = {}, tags = {}): Promise<ReplyData> {
  const { error, reply } = await p.send({ From: from, Action: action, Data: data, Tags: tags });
  expect(error).toBeUndefined();
  return reply?.data ?? {};
}
const code = (data: ReplyData) => data.error?.code ?? "ok";
const once = (p: Aos, from: string, correlation: string, data: object = { by: 1 }) =>
  ask(p, from, "ADD_ONCE", data, { "Correlation-Id": correlation });
const list = (data: ReplyData, name = "entries") => data[name] as Record<string, unknown>[];

describe("the library's records", () => {
  let base: Aos;
  /** The reply to the victim's request before the flood. */
  let first: ReplyData;
  let startedAt = 0;

  // One flood for all: a loud stranger with 260 requests that are performed or refused, and 120 wallets that try what they may not.
  beforeAll(async () => {
    base = await boot("counter", { source: COUNTER });
    await ask(base, OWNER, "WIRE_PEERS", { peers: { friend: FRIEND } }, { Epoch: "1" });
    const config = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 7 }, version: 1 };
    expect(code(await ask(base, OWNER, "UPDATE_CONFIG", config, { Epoch: "1" }))).toBe("ok");
    startedAt = base.now;
    // Faults of ten players, and a fault of the fleet's own request.
    for (let n = 0; n < 20; n++) await ask(base, wallet(n % 10), "ADD", { by: 1, fail: "fault" });
    first = await once(base, VICTIM, "order");
    expect(code(first)).toBe("ok");
    await ask(base, FRIEND, "FOR_PEERS");
    for (let n = 0; n < 130; n++) {
      await once(base, STRANGER, `good-${n}`);
      expect(code(await once(base, STRANGER, `bad-${n}`, { by: 1, fail: "refused" }))).toBe("TOO_BAD");
    }
    for (let n = 0; n < 120; n++) await ask(base, wallet(n), n % 2 ? "FOR_PEERS" : "FOR_DEPLOYERS");
    for (let n = 0; n < 205; n++) await ask(base, STRANGER, "ADD", { by: 1, fail: "fault" });
    for (let n = 0; n < 30; n++) await ask(base, STRANGER, n % 2 ? "RETIRE" : "AUDIT");
  }, 120_000);

  test("a repeated request does not run again, however many messages of others came since", async () => {
    const before = await base.value("Fleet.store.states.counter.n");
    expect(await once(base, VICTIM, "order")).toEqual(first);
    expect(await base.value("Fleet.store.states.counter.n")).toBe(before);
  });

  test("a refused request takes no place, and can be repeated", async () => {
    expect(await base.value(`#Fleet.store.once.marks.of["${STRANGER}"] // 8`)).toBe(130);
    const p = await base.clone();
    expect(code(await once(p, STRANGER, "bad-1"))).toBe("ok");
    expect(code(await once(p, STRANGER, "bad-1", { by: 1, fail: "refused" }))).toBe("ok");
    await p.drop();
  });

  test("a request whose reply is gone is still not run again", async () => {
    const p = await base.clone();
    await p.eval(
      "local kept = Fleet.store.once kept.replies, kept.of, kept.order, kept.bytes, kept.count = {}, {}, {}, 0, 0",
    );
    const before = await p.value("Fleet.store.states.counter.n");
    expect(code(await once(p, VICTIM, "order"))).toBe("ALREADY_DONE");
    expect(await p.value("Fleet.store.states.counter.n")).toBe(before);
    await p.drop();
  });

  test("a sender is not forgotten for others with fewer requests, and memory is bounded in senders, replies and bytes", async () => {
    const p = await base.clone();
    await once(p, VICTIM, "second order");
    await p.eval('require("fleet.marks").MOST_SENDERS = 8');
    for (let n = 0; n < 20; n++) await once(p, wallet(n), "one");
    expect(await p.value("Fleet.store.once.marks.count")).toBeLessThanOrEqual(8);
    const n = await p.value("Fleet.store.states.counter.n");
    await once(p, VICTIM, "order");
    await once(p, VICTIM, "second order");
    expect(await p.value("Fleet.store.states.counter.n")).toBe(n);
    // Replies of one sender, and of all: the bounds are reached by calls, as 4 MB of messages would be.
    const filled = await p.value(`(function()
      local once = require("fleet.once")
      for i = 1, 5000 do
        local key = once.key("w" .. i % 500, "A", "c" .. i)
        once.begin(key)
        once.finish(key, true, ("x"):rep(2000))
      end
      local kept, n, of, bytes, places = Fleet.store.once, 0, 0, 0, 0
      for _, entry in pairs(kept.replies) do n, bytes = n + 1, bytes + (entry.size or 0) end
      for _, own in pairs(kept.of) do of = of + #own.keys end
      for _ in pairs(kept.order) do places = places + 1 end
      return { n = n, bytes = bytes, same = n == of and n == places and n == kept.count and bytes == kept.bytes }
    end)()`);
    expect(filled).toMatchObject({ same: true });
    expect((filled as { bytes: number }).bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect((filled as { bytes: number }).bytes).toBeGreaterThan(3 * 1024 * 1024);
    await p.drop();
  });

  test("requests, audit and log of an earlier library are still known after a load in place", async () => {
    const p = await base.clone();
    await p.eval(`local store, key = Fleet.store, "${VICTIM}\\nADD_ONCE\\nearlier"
      store.once = nil
      store.answered = { order = { key }, first = 1, next = 2, byKey = { [key] = { ok = true, text = '{"success":true,"n":-7}' } } }
      local entry = { seq = 1, at = 1, from = Owner, action = "SET_ALLOWED", outcome = "ok", count = 1 }
      local refused = { seq = 2, at = 2, from = "${STRANGER}", action = "RETIRE", outcome = "refused", code = "FORBIDDEN", count = 3 }
      store.audit = { seq = 2, accepted = { entry }, refused = { refused } }
      store.logs = { seq = 1, entries = { { seq = 1, at = 1, level = "INFO", text = "committed release old" } } }
      store.stats.latest, store.refusals = nil, nil`);
    expect((await p.load({ epoch: 2 })).output).toContain('"committed"');
    expect((await once(p, VICTIM, "earlier")).n).toBe(-7);
    const audited = await ask(p, OWNER, "AUDIT");
    expect(list(audited).slice(0, 2)).toMatchObject([
      { action: "SET_ALLOWED", from: OWNER },
      { action: "RETIRE", from: STRANGER, count: 3 },
    ]);
    for (let n = 0; n < 210; n++) await ask(p, STRANGER, "SPEAK", { level: "WARN", text: `line ${n}` });
    const texts = list(await ask(p, OWNER, "LOGS")).map((entry) => entry.text);
    expect(texts[0]).toBe("committed release old");
    // An earlier library finds what it expects, also after a rollback.
    expect(await p.value("{ Fleet.store.audit.accepted, Fleet.store.audit.refused }")).toEqual([[], []]);
    await p.drop();
  });

  test("the audit keeps decisions, refusals of the fleet, and a share for each stranger; it counts all", async () => {
    const audited = await ask(base, OWNER, "AUDIT");
    const entries = list(audited);
    const of = (from: string) => entries.filter((entry) => entry.from === from);
    expect(of(OWNER)).toMatchObject([{ action: "WIRE_PEERS" }, { action: "UPDATE_CONFIG" }]);
    expect(of(FRIEND)).toMatchObject([{ action: "FOR_PEERS", outcome: "ok" }]);
    // The loud stranger has two entries, with their counts; of 120 wallets some entries are a sample.
    expect(of(STRANGER)).toMatchObject([
      { action: "AUDIT", count: 15 },
      { action: "RETIRE", count: 15 },
    ]);
    const wallets = entries.filter(
      ({ action, outcome }) => action !== "RETIRE" && action !== "AUDIT" && outcome === "refused",
    );
    expect(wallets.length).toBe(120);
    expect(entries.map(({ seq }) => seq)).toEqual(
      entries.map(({ seq }) => seq as number).sort((a, b) => a - b),
    );
    const { byReason, bySender, strangers } = audited.refusals as {
      byReason: Record<string, number>;
      bySender: { from: string; count: number; over: number; code: string }[];
      strangers: number;
    };
    expect(byReason).toMatchObject({ TOO_BAD: 130, FORBIDDEN: 150 });
    expect(bySender[0]).toMatchObject({ from: STRANGER, code: "FORBIDDEN" });
    expect(bySender[0]?.count).toBeGreaterThanOrEqual(160);
    expect((bySender[0]?.count ?? 0) - (bySender[0]?.over ?? 0)).toBeLessThanOrEqual(160);
    expect(bySender).toHaveLength(64);
    expect(strangers).toBe(150);
    const { refusals } = (await ask(base, STRANGER, "GET_STATISTICS")).statistics as ReplyData;
    expect(refusals).toEqual(byReason);
  });

  test("processes of the fleet, at work for strangers, remove no decision from the audit", async () => {
    const p = await base.clone();
    const peers = Array.from({ length: 3 }, (_, n) => address(`peer-${n}`));
    await p.eval(`for i = 0, 2 do Fleet.store.peers["p" .. i] = ({ "${peers.join('", "')}" })[i + 1] end`);
    for (let n = 0; n < 120; n++) await ask(p, peers[n % 3] ?? "", "FOR_PEERS");
    const entries = list(await ask(p, OWNER, "AUDIT"));
    expect(entries.filter(({ from }) => from === OWNER)).toMatchObject([
      { action: "WIRE_PEERS" },
      { action: "UPDATE_CONFIG" },
    ]);
    await p.drop();
  });

  test("the log keeps the load and the change of settings, and the faults of each sender in its share", async () => {
    const entries = list(await ask(base, OWNER, "LOGS"));
    const texts = entries.map(({ text }) => String(text));
    expect(texts[0]).toContain("committed release");
    expect(texts[1]).toContain("PROCESS_CONFIG version 1");
    expect(entries.filter(({ from }) => from === wallet(3))).toHaveLength(2);
    expect(entries.filter(({ from }) => from === STRANGER)).toHaveLength(25);
  });

  test("a stranger's faults do not silence the notice of a fault of the fleet's own request", async () => {
    const p = await base.clone();
    const notices = async (from: string) => {
      const { messages } = await p.send({
        ...{ From: from, Action: "ADD", Data: { by: 1, fail: "fault" }, Timestamp: p.now + 1 },
      });
      return messages.map(readReply).filter(({ action }: Reply) => action === "Error");
    };
    p.now += 60_000;
    expect(await notices(STRANGER)).toHaveLength(1);
    expect(await notices(STRANGER)).toHaveLength(0);
    expect(await notices(FRIEND)).toHaveLength(1);
    await p.drop();
  });

  test("one caller's requests do not hide the faults in those of others", async () => {
    const p = await base.clone();
    for (let n = 0; n < 100; n++) await ask(p, STRANGER, "PING");
    const { checks } = await ask(p, OWNER, "HEALTH_CHECK", { healthCheck: { checkType: "CONTINUOUS" } });
    const rate = (checks as Record<string, string>[]).find(({ name }) => name === "errorRateOfStrangers");
    // Twenty faults of ten players, and the stranger's latest twenty requests; the victim's was none.
    expect(rate).toMatchObject({ status: "DEGRADED" });
    expect(Number(rate?.detail?.slice(0, 5))).toBeGreaterThan(0.3);
    expect(startedAt).toBeLessThan(p.now);
    await p.drop();
  });

  test("an empty bucket of a rate limit is not replaced by those of many new senders", async () => {
    const p = await base.clone();
    const limit = {
      configType: "RATE_LIMITS",
      configData: { PING: { capacity: 2, perSecond: 0.0001 } },
      version: 1,
    };
    expect(code(await ask(p, OWNER, "UPDATE_CONFIG", limit, { Epoch: "1" }))).toBe("ok");
    for (const _ of [1, 2]) await ask(p, STRANGER, "PING");
    expect(code(await ask(p, STRANGER, "PING"))).toBe("RATE_LIMITED");
    await p.eval(`local rates, now = Fleet.store.rates, Fleet.now()
      for i = 1, 4999 do rates.buckets["w" .. i .. "\\nPING"] = { tokens = 1, at = now + i } end
      rates.count = 5000`);
    for (let n = 0; n < 3; n++) expect(code(await ask(p, wallet(n), "PING"))).toBe("ok");
    expect(code(await ask(p, STRANGER, "PING"))).toBe("RATE_LIMITED");
    await p.drop();
  });
});
