import { beforeAll, expect, test } from "vitest";
import { type Aos, address, boot, OWNER, type SendOptions } from "./aos.ts";
import { COUNTER, FOREIGN } from "./programs.ts";

const STRANGER = address("stranger");
const DEPLOYER = address("deployer");
const PEER = address("peer");
/** Never changed: tests that change state use a copy. */
let base: Aos;
/** For requests that leave no state. */
let shared: Aos;

beforeAll(async () => {
  base = await boot("counter", { source: COUNTER });
  shared = await base.clone();
}, 60_000);

async function ask(to: Aos, options: SendOptions) {
  const result = await to.send({ From: STRANGER, ...options });
  expect(result.error).toBeUndefined();
  return result.reply;
}

async function codeOf(to: Aos, options: SendOptions): Promise<string> {
  const reply = await ask(to, options);
  return reply?.data.error?.code ?? reply?.status ?? "no reply";
}

test("a reply has the action, the correlation id and a status, and goes only to the sender", async () => {
  const p = await base.clone();
  const ok = await ask(p, {
    Action: "ADD",
    Data: { by: 2 },
    "Correlation-Id": "c-1",
    "Reply-To": address("victim"),
  });
  expect(ok).toMatchObject({
    target: STRANGER,
    action: "ADD-Response",
    correlationId: "c-1",
    status: "ok",
    data: { success: true, n: 2 },
  });
  const message = await p.send({ From: STRANGER, Action: "NOPE", Id: "message-id" });
  expect(message.messages).toHaveLength(1);
  expect(message.reply).toMatchObject({
    action: "Error-Response",
    correlationId: "message-id",
    status: "error",
    data: {
      success: false,
      error: { code: "UNKNOWN_ACTION", message: expect.any(String), remedy: expect.any(String) },
    },
  });
});

test.each([
  ["add", "UNKNOWN_ACTION"],
  ["ADD ", "UNKNOWN_ACTION"],
  ["UNADD", "UNKNOWN_ACTION"],
  ["info", "UNKNOWN_ACTION"],
  ["SILENT", "no reply"],
  ["X-Response", "no reply"],
  ["Error-Response", "no reply"],
  ["Eval", "no reply"],
  ["", "no reply"],
])("the action %j is matched exactly: %s", async (action, code) => {
  expect(await codeOf(shared, { Action: action, Data: "return 1" })).toBe(code);
});

test("Info describes what runs", async () => {
  const reply = await ask(shared, { Action: "Info", Data: "{no json" });
  expect(reply?.data).toMatchObject({
    name: "counter",
    processType: "COUNTER",
    version: "1.0.0",
    status: "ACTIVE",
    capabilities: ["COUNTING"],
    epoch: 1,
    release: "r1",
    sourceHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    configVersions: {},
    peers: {},
    owner: OWNER,
    handlers: ["ao-fleet.first", "ao-fleet.last"],
    stats: { errors: 0 },
    at: shared.now,
    slot: shared.slot,
  });
  expect(reply?.data.endpoints).toContain("ADD");
});

test.each([
  ["missing", "INVALID_DATA", {}],
  ["text", "INVALID_DATA", { by: "1" }],
  ["zero", "INVALID_DATA", { by: 0 }],
  ["fraction", "INVALID_DATA", { by: 1.5 }],
  ["beyond the range", "INVALID_DATA", { by: 101 }],
  ["beyond 2^53", "INVALID_DATA", '{"by":9007199254740993}'],
  ["infinite", "BAD_JSON", '{"by":1e999}'],
  ["hexadecimal", "BAD_JSON", '{"by":0x10}'],
  ["cut", "BAD_JSON", '{"by":1'],
  ["trailing", "BAD_JSON", '{"by":1}}'],
  ["a list of lists", "BAD_JSON", `${"[".repeat(100_000)}`],
  ["no object", "BAD_JSON", "7"],
  ["half a surrogate pair", "BAD_JSON", '{"by":1,"fail":"\\ud800"}'],
  ["over 1 MB", "TOO_LARGE", `{"by":1,"pad":"${"x".repeat(1_048_576)}"}`],
  ["Lua", "BAD_JSON", "os.exit()"],
])("data that is %s is refused", async (_what, code, data) => {
  expect(await codeOf(shared, { Action: "ADD", Data: data })).toBe(code);
  expect(await codeOf(shared, { Action: "ADD", Data: data, "Content-Type": "application/json" })).toBe(code);
  expect(await shared.value("Fleet.store.states.counter.n")).toBe(0);
});

test("every problem of the data is reported at its path", async () => {
  const reply = await ask(shared, { Action: "ADD", Data: { by: -1, fail: 7 } });
  expect(reply?.data.error).toMatchObject({
    problems: [
      { path: "by", got: "-1", expected: "an integer from 1 to 100" },
      { path: "fail", got: "7", expected: "a string" },
    ],
  });
});

test("roles: owner, deployer, peer, anyone; a rule that fails admits nobody", async () => {
  const p = await base.clone();
  const set = { Action: "SET_ALLOWED", Data: { allowed: [DEPLOYER] } };
  const wire = { Action: "WIRE_PEERS", Data: { peers: { friend: PEER }, hash: "h" }, Epoch: "1" };
  expect(await codeOf(p, set)).toBe("FORBIDDEN");
  expect(await codeOf(p, { ...wire })).toBe("FORBIDDEN");
  expect(await codeOf(p, { ...set, From: OWNER })).toBe("ok");
  expect(await codeOf(p, { ...set, From: DEPLOYER, Data: { allowed: [STRANGER] } })).toBe("FORBIDDEN");
  expect(await codeOf(p, { ...wire, From: DEPLOYER })).toBe("ok");
  for (const [action, allowed] of [
    ["FOR_DEPLOYERS", [OWNER, DEPLOYER]],
    ["FOR_PEERS", [OWNER, DEPLOYER, PEER]],
    ["PING", [OWNER, DEPLOYER, PEER, STRANGER]],
    ["GET_CONFIG", [OWNER, DEPLOYER, PEER]],
    ["AUDIT", [OWNER, DEPLOYER]],
    ["LOGS", [OWNER, DEPLOYER]],
    ["EXPORT_STATE", [OWNER, DEPLOYER]],
  ] as const) {
    for (const who of [OWNER, DEPLOYER, PEER, STRANGER]) {
      const expected = (allowed as readonly string[]).includes(who) ? "ok" : "FORBIDDEN";
      expect([action, who, await codeOf(p, { Action: action, From: who })]).toEqual([action, who, expected]);
    }
  }
  expect(await codeOf(p, { Action: "FOR_FUNCTION" })).toBe("INTERNAL");
});

test("a tag cannot fake a sender, owner, time, slot, id or cron", async () => {
  const p = await base.clone();
  const reply = await ask(p, {
    Action: "TIME",
    Id: "the-id",
    Tags: {
      Id: "x",
      Timestamp: "99",
      Nonce: "1",
      Cron: "true",
      From: OWNER,
      Owner: OWNER,
      "From-Process": OWNER,
    },
  });
  expect(reply?.data).toMatchObject({ now: p.now, slot: p.slot, cron: false, id: "the-id" });
  expect(await codeOf(p, { Action: "AUDIT", Tags: { From: OWNER, Owner: OWNER } })).toBe("FORBIDDEN");
  expect((await ask(p, { Action: "TIME", Cron: true }))?.data.cron).toBe(true);
});

test("epochs: missing and smaller ones are refused and counted, a larger one is adopted", async () => {
  const p = await base.clone();
  const drain = (epoch: Record<string, string>) => codeOf(p, { Action: "DRAIN", From: OWNER, Tags: epoch });
  expect(await drain({})).toBe("STALE_EPOCH");
  expect(await drain({ Epoch: "0" })).toBe("STALE_EPOCH");
  expect(await drain({ Epoch: "-1" })).toBe("STALE_EPOCH");
  expect(await drain({ Epoch: "1.5" })).toBe("STALE_EPOCH");
  expect(await drain({ Epoch: "99999999999999999999" })).toBe("STALE_EPOCH");
  expect(await drain({ Epoch: "7" })).toBe("ok");
  expect(await drain({ Epoch: "6" })).toBe("STALE_EPOCH");
  expect(await drain({ Epoch: "7" })).toBe("ok");
  const refused = await ask(p, { Action: "DRAIN", From: OWNER, Epoch: "3" });
  expect(refused?.data.error).toMatchObject({ code: "STALE_EPOCH", epoch: 7 });
  const reply = await ask(p, { Action: "GET_STATISTICS" });
  expect(reply?.data.statistics).toMatchObject({ staleEpochs: 7, refused: 7, errors: 0 });
});

test("only a valid message raises the epoch", async () => {
  const p = await base.clone();
  expect(await codeOf(p, { Action: "RETIRE", Epoch: "50" })).toBe("FORBIDDEN");
  expect(await codeOf(p, { Action: "WIRE_PEERS", From: OWNER, Epoch: "60", Data: { peers: 5 } })).toBe(
    "INVALID_DATA",
  );
  expect((await ask(p, { Action: "Info" }))?.data.epoch).toBe(1);
});

test("a load of an earlier epoch is refused by a value and counted; none of it runs", async () => {
  const p = await base.clone();
  const refused = await p.load({ epoch: 0, source: 'error("must not run")' });
  expect(refused.error).toBeUndefined();
  expect(JSON.parse(refused.output)).toEqual({ fleet: "refused", code: "STALE_EPOCH", epoch: 1 });
  expect((await ask(p, { Action: "GET_STATISTICS" }))?.data.statistics).toMatchObject({
    staleEpochs: 1,
    refused: 1,
  });
  const done = await p.load({ epoch: 4, release: "r2", version: "2.0.0", source: COUNTER });
  expect(JSON.parse(done.output)).toMatchObject({
    fleet: "committed",
    epoch: 4,
    handlers: ["ao-fleet.first", "ao-fleet.last"],
  });
  expect((await ask(p, { Action: "Info" }))?.data).toMatchObject({
    epoch: 4,
    release: "r2",
    version: "2.0.0",
  });
});

test("retired: all but the fleet's own actions answer GONE; resumed: as before", async () => {
  const p = await base.clone();
  const control = (action: string) => codeOf(p, { Action: action, From: OWNER, Epoch: "1" });
  expect(await control("DRAIN")).toBe("ok");
  expect(await codeOf(p, { Action: "PING" })).toBe("DRAINING");
  expect(await control("RETIRE")).toBe("ok");
  for (const action of ["PING", "ADD", "anything"]) expect(await codeOf(p, { Action: action })).toBe("GONE");
  expect((await ask(p, { Action: "Info" }))?.data.status).toBe("RETIRED");
  expect((await ask(p, { Action: "HEALTH_CHECK" }))?.data.healthStatus).toBe("UNHEALTHY");
  const alive = async () => (await ask(p, { Action: "HEALTH_CHECK", Data: { checkType: "LIVENESS" } }))?.data;
  expect(await alive()).toMatchObject({ healthStatus: "UNHEALTHY" });
  expect(await control("EXPORT_STATE")).toBe("ok");
  expect(await control("RESUME")).toBe("ok");
  expect(await alive()).toMatchObject({ healthStatus: "HEALTHY" });
  expect(await codeOf(p, { Action: "PING" })).toBe("ok");
});

test("wiring replaces the whole table and refuses what is not a process id", async () => {
  const p = await base.clone();
  const wire = (peers: unknown) =>
    ask(p, { Action: "WIRE_PEERS", From: OWNER, Epoch: "1", Data: { peers, hash: "h" } });
  expect((await wire({ a: PEER, b: STRANGER }))?.data).toMatchObject({
    peers: { a: PEER, b: STRANGER },
    hash: "h",
  });
  expect((await wire({ c: PEER }))?.data.peers).toEqual({ c: PEER });
  for (const bad of [{ c: 5 }, { c: "a b" }, { "": PEER }, { c: "" }, [PEER], { c: { d: PEER } }]) {
    expect((await wire(bad))?.data.error?.code).toBe("INVALID_DATA");
  }
  expect((await ask(p, { Action: "Info" }))?.data.peers).toEqual({ c: PEER });
  expect((await wire({}))?.text).toContain('"peers":{}');
});

test("On-Behalf-Of is accepted only from the wired coordinator", async () => {
  const p = await base.clone();
  const coordinator = address("coordinator");
  await ask(p, {
    Action: "WIRE_PEERS",
    From: OWNER,
    Epoch: "1",
    Data: { peers: { coordinator, other: PEER } },
  });
  for (const from of [coordinator, PEER, STRANGER]) {
    await ask(p, { Action: "ADD", From: from, Data: { by: 1 }, "On-Behalf-Of": "ash" });
  }
  expect(await p.value("Fleet.store.states.counter.byName")).toEqual({ ash: 1, [PEER]: 1, [STRANGER]: 1 });
});

test.each([
  ["a peer", address("gate"), { ash: 1, [address("coordinator")]: 1 }],
  ["not its peer", "", { [address("gate")]: 1, [address("coordinator")]: 1 }],
])(
  "On-Behalf-Of is not accepted from a peer named coordinator if the router is %s",
  async (_, router, by) => {
    const p = await base.clone();
    const [gate, coordinator] = [address("gate"), address("coordinator")];
    const peers = router === "" ? { coordinator } : { coordinator, gate };
    await ask(p, { Action: "WIRE_PEERS", From: OWNER, Epoch: "1", Data: { peers, router } });
    for (const from of [gate, coordinator])
      await ask(p, { Action: "ADD", From: from, Data: { by: 1 }, "On-Behalf-Of": "ash" });
    expect(await p.value("Fleet.store.states.counter.byName")).toEqual(by);
  },
);

test("audit: refusals of strangers are kept apart, so that they displace nothing", async () => {
  const p = await base.clone();
  await ask(p, { Action: "SET_ALLOWED", From: OWNER, Data: { allowed: [DEPLOYER] } });
  for (let i = 0; i < 120; i++) await p.send({ From: address(`s${i}`), Action: "RETIRE", Epoch: "9" });
  for (let i = 0; i < 5; i++) await p.send({ From: STRANGER, Action: "AUDIT" });
  const all = (await ask(p, { Action: "AUDIT", From: DEPLOYER }))?.data.entries as Record<string, unknown>[];
  // 100 places of refused strangers, a sample of those that lost theirs, and the owner's.
  expect(all).toHaveLength(122);
  expect(all[0]).toMatchObject({
    seq: 1,
    from: OWNER,
    action: "SET_ALLOWED",
    outcome: "ok",
    at: expect.any(Number),
  });
  expect(all.at(-1)).toMatchObject({
    from: STRANGER,
    action: "AUDIT",
    outcome: "refused",
    code: "FORBIDDEN",
    count: 5,
  });
  const since = (await ask(p, { Action: "AUDIT", From: DEPLOYER, Data: { since: 125 } }))?.data.entries;
  expect(since).toHaveLength(1);
});

test("the log is a ring that LOGGING_CONFIG filters", async () => {
  const p = await base.clone();
  await ask(p, { Action: "SPEAK", Data: { level: "DEBUG", text: "quiet" } });
  await ask(p, { Action: "SPEAK", Data: { level: "WARN", text: "loud" } });
  const config = { configType: "LOGGING_CONFIG", configData: { logLevel: "ERROR" }, version: 1 };
  expect(await codeOf(p, { Action: "UPDATE_CONFIG", From: OWNER, Epoch: "1", Data: config })).toBe("ok");
  await ask(p, { Action: "SPEAK", Data: { level: "WARN", text: "filtered" } });
  await ask(p, { Action: "SPEAK", Data: { level: "FATAL", text: "x".repeat(5000) } });
  const entries = (await ask(p, { Action: "LOGS", From: OWNER }))?.data.entries as {
    level: string;
    text: string;
  }[];
  expect(entries.map((entry) => entry.level)).toEqual(["INFO", "WARN", "FATAL"]);
  expect(entries.at(-1)?.text).toHaveLength(1000);
});

test("a program without the fleet's code is observable, and keeps its inbox and its handlers", async () => {
  const p = await boot("token", { source: FOREIGN });
  expect((await p.send({ From: STRANGER, Action: "Info", Swallow: "yes" })).messages).toEqual([]);
  expect((await ask(p, { Action: "Fleet.Info", Swallow: "yes" }))?.data).toMatchObject({
    name: "token",
    status: "ACTIVE",
  });
  expect((await ask(p, { Action: "HEALTH_CHECK" }))?.data.healthStatus).toBe("HEALTHY");
  expect((await ask(p, { Action: "Balance" }))?.text).toBe("0");
  expect((await p.send({ From: STRANGER, Action: "Any", Swallow: "yes" })).messages).toEqual([]);
  const inbox = await p.value("#Inbox");
  expect(await codeOf(p, { Action: "Letter" })).toBe("UNKNOWN_ACTION");
  await p.send({ From: STRANGER, Action: "Letter-Response" });
  await p.send({ From: STRANGER, Data: "no action" });
  expect(await p.value("#Inbox")).toBe(Number(inbox) + 3);
  await p.eval('Handlers.add("late", "Late", function(msg) msg.reply({ Data = "late" }) end)');
  expect((await ask(p, { Action: "Late" }))?.text).toBe("late");
  expect(await codeOf(p, { Action: "RETIRE", From: OWNER, Epoch: "1" })).toBe("ok");
  expect(await codeOf(p, { Action: "Balance" })).toBe("GONE");
});

test("an action that a program's own handler processed and passed on is not unknown", async () => {
  const p = await boot("token", {
    source: `${FOREIGN}
Handlers.add("mint", function(m) return m.Action == "Mint" and "continue" end, function(m) Balances[m.From] = 1 end)
`,
  });
  const minted = await p.send({ From: STRANGER, Action: "Mint" });
  expect(minted.messages).toEqual([]);
  expect(await p.value(`Balances["${STRANGER}"]`)).toBe(1);
  // A handler that watches every message does not define an action.
  expect(await codeOf(p, { Action: "Burn" })).toBe("UNKNOWN_ACTION");
  // A late answer of another program is not a request.
  expect((await p.send({ From: STRANGER, Action: "Burn", Tags: { "X-Reference": "5" } })).messages).toEqual(
    [],
  );
});

test("a stranger's Eval changes nothing, and the output shows it", async () => {
  const p = await base.clone();
  const result = await p.send({ From: STRANGER, Action: "Eval", Data: "Owner = 'me'" });
  expect(result.output).toContain("New Message From");
  expect(await p.value("Owner")).toBe(OWNER);
});

test.each(["aos2_0_1.wasm", "aos2_0_6.wasm"])(
  "the library works on %s too",
  async (image) => {
    const p = await boot("counter", { source: COUNTER, image });
    expect((await ask(p, { Action: "ADD", Data: { by: 2 } }))?.data).toMatchObject({ success: true, n: 2 });
    expect(await codeOf(p, { Action: "ADD", Data: { by: 2, fail: "fault" } })).toBe("PEER_UNKNOWN");
    expect(await codeOf(p, { Action: "ADD", Data: "{", "Content-Type": "application/json" })).toBe(
      "BAD_JSON",
    );
    expect(await codeOf(p, { Action: "RETIRE", Epoch: "1" })).toBe("FORBIDDEN");
    expect((await p.load({ epoch: 0 })).output).toContain("STALE_EPOCH");
    expect((await p.load({ epoch: 2 })).output).toContain("committed");
    expect((await ask(p, { Action: "HEALTH_CHECK" }))?.data.healthStatus).toBe("HEALTHY");
    expect(await p.value("Fleet.store.states.counter.n")).toBe(2);
    await p.drop();
  },
  60_000,
);

test("unread data cannot fill the memory", async () => {
  const p = await base.clone();
  for (let i = 0; i < 110; i++) await p.send({ From: STRANGER, Data: "small" });
  await p.send({ From: STRANGER, Action: "Eval", Data: "x".repeat(100_000) });
  await p.send({
    From: STRANGER,
    Type: "Process",
    Data: JSON.stringify({ pad: "x".repeat(100_000) }),
    "Content-Type": "application/json",
  });
  expect(await p.value("#Inbox")).toBe(100);
  expect(
    await p.value("(function() local n = 0 for _, m in ipairs(Inbox) do n = n + #m.Data end return n end)()"),
  ).toBeLessThan(100_000);
});

test("a wrapper that somebody put around the fleet's survives a load", async () => {
  const p = await base.clone();
  await p.eval(
    "local before = ao.normalize ao.normalize = function(msg) Wrapped = (Wrapped or 0) + 1 return before(msg) end",
  );
  for (const epoch of [2, 3]) expect((await p.load({ epoch })).output).toContain("committed");
  const reply = await ask(p, { Action: "TIME", Tags: { Timestamp: "99" } });
  expect(reply?.data).toMatchObject({ now: p.now });
  expect(await p.value("Wrapped > 0")).toBe(true);
});
