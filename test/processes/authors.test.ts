/** What is counted, logged and announced while an answer arrives belongs to whoever sent the request, on real aos. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, MESSENGER, OWNER, type SendResult, sentFor } from "./aos.ts";
import { COUNTER } from "./programs.ts";

const STRANGER = address("stranger");
const OTHER = address("other-stranger");
const FRIEND = address("friend");

/** Waits by aos' `Receive` in a handler of its own. */
const WAITER = `
Handlers.add("Begin", "Begin", function(msg)
  local answer = Receive({ From = "${FRIEND}", Action = "Tick" })
  require("fleet").log("INFO", "after the wait")
  require("fleet").call("friend", "PING", {}, function() error("fails after the wait") end)
end)`;

let base: Aos;
beforeAll(async () => {
  base = await boot("counter", { source: COUNTER + WAITER });
  await wire(base);
}, 60_000);

const wire = (p: Aos) =>
  p.send({
    Action: "WIRE_PEERS",
    Epoch: "1",
    Data: { peers: { friend: FRIEND, "deployment-coordinator": FRIEND } },
  });
const calls = ({ messages }: SendResult) =>
  messages.filter(({ Tags }) => Tags.some(({ name, value }) => name === "Action" && value === "PING"));
const tagOf = (message: SendResult["messages"][number] | undefined, name: string) =>
  message?.Tags.find((tag) => tag.name === name)?.value;
const answer = (p: Aos, call: SendResult["messages"][number] | undefined) =>
  p.send({
    ...{ From: FRIEND, Owner: MESSENGER, Action: "PING-Response" },
    "Correlation-Id": tagOf(call, "Correlation-Id"),
    ...sentFor(p.id, tagOf(call, "Reference")),
    Data: { success: true },
  });

/** Requests whose continuations fail. */
async function ask(p: Aos, from: string, times = 1, data: object = { fail: true }): Promise<void> {
  for (let n = 0; n < times; n++) {
    const asked = await p.send({ From: from, Action: "ASK", Data: data, "Correlation-Id": `${p.slot}` });
    await answer(p, calls(asked)[0]);
  }
}

async function health(p: Aos): Promise<Record<string, unknown>> {
  const data = (await p.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType: "ALL" } } })).reply
    ?.data;
  const checks = (data?.checks ?? []) as { name: string; detail: string }[];
  const of = (name: string) => checks.find((check) => check.name === name)?.detail;
  return { verdict: data?.healthStatus, fleet: of("errorRate"), strangers: of("errorRateOfStrangers") };
}
const logged = async (p: Aos) =>
  ((await p.send({ Action: "LOGS" })).reply?.data.entries ?? []) as { text: string; from?: string }[];
const notices = (p: Aos) =>
  p.value("{ Fleet.store.announced.errorAt, Fleet.store.announced.ownErrorAt or 0 }");

// The wiring is a request of the fleet.
const few = "1 requests are too few for a verdict";
const faulty = (p: Aos, list: "fleet" | "others") =>
  p.value(`(function()
    local n = 0
    for _, entry in ipairs(Fleet.store.stats.latest["${list}"]) do if entry.faulty then n = n + 1 end end
    return n
  end)()`);

describe("faults in a continuation", () => {
  test("of a stranger's requests do not make the process unhealthy, and none of them counts as a good one", async () => {
    const p = await base.clone();
    await ask(p, STRANGER, 25);
    expect(await health(p)).toEqual({
      verdict: "HEALTHY",
      fleet: few,
      strangers: "1.000 over 20 requests from outside the fleet, of 1 sender",
    });
  });

  test("are logged and announced as the stranger's", async () => {
    const p = await base.clone();
    await ask(p, STRANGER, 60);
    const lines = await logged(p);
    const faults = lines.filter(({ text }) => text.includes("the continuation fails"));
    // A stranger's share of the places.
    expect(faults).toHaveLength(25);
    expect(new Set(faults.map(({ from }) => from))).toEqual(new Set([STRANGER]));
    expect(await notices(p)).toEqual([expect.any(Number), 0]);
    // They do not silence the notice of a fault in the fleet's own request.
    await ask(p, OWNER);
    expect(await notices(p)).toEqual([expect.any(Number), expect.any(Number)]);
    expect(await p.value("Fleet.store.announced.ownErrorAt")).toBeGreaterThan(0);
  });

  test("of the fleet's requests count as the fleet's, also if a stranger's message is what ends the wait", async () => {
    const p = await base.clone();
    for (let n = 0; n < 25; n++) {
      await p.send({ From: OWNER, Action: "ASK", Data: { fail: true }, "Correlation-Id": `${p.slot}` });
    }
    p.now += 31_000;
    await p.send({ From: STRANGER, Action: "NOTHING" });
    expect(await health(p)).toMatchObject({
      verdict: "UNHEALTHY",
      fleet: "0.962 over 26 requests of the fleet",
      strangers: "0 requests are too few for a verdict",
    });
    const faults = (await logged(p)).filter(({ text }) => text.includes("the continuation fails"));
    expect(faults).toHaveLength(25);
    expect(faults.every(({ from }) => from === undefined)).toBe(true);
  });

  test("count after the request itself lost its place among the latest ones", async () => {
    const p = await base.clone();
    const open: SendResult[] = [];
    for (let n = 0; n < 30; n++) {
      open.push(
        await p.send({ From: STRANGER, Action: "ASK", Data: { fail: true }, "Correlation-Id": `${n}` }),
      );
    }
    for (const asked of open) await answer(p, calls(asked)[0]);
    expect((await health(p)).strangers).toBe("1.000 over 20 requests from outside the fleet, of 1 sender");
  });

  test("count once for a request, and a good request counts once", async () => {
    const p = await base.clone();
    for (const data of [{ fail: true }, {}]) await ask(p, STRANGER, 1, data);
    expect(await p.value("#Fleet.store.stats.latest.others")).toBe(2);
    expect(await faulty(p, "others")).toBe(1);
    expect(await faulty(p, "fleet")).toBe(0);
  });

  test("of a call that an earlier library opened count for the one who caused it", async () => {
    const p = await base.clone();
    const asked = await p.send({
      From: STRANGER,
      Action: "ASK",
      Data: { fail: true },
      "Correlation-Id": "q",
    });
    await p.eval("for _, call in pairs(Fleet.store.calls.open) do call.author = nil end");
    await answer(p, calls(asked)[0]);
    expect(await faulty(p, "fleet")).toBe(0);
    expect((await logged(p)).at(-1)).toMatchObject({ from: STRANGER });
  });
});

describe("a call for a stranger", () => {
  test("names the stranger, and one for the fleet or for the process itself names nobody", async () => {
    const p = await base.clone();
    const send = (from: string, n: number) =>
      p.send({ From: from, Action: "ASK", Data: {}, "Correlation-Id": `${n}` });
    expect(tagOf(calls(await send(STRANGER, 1))[0], "Fleet-For")).toBe(STRANGER);
    expect(tagOf(calls(await send(OWNER, 2))[0], "Fleet-For")).toBeUndefined();
    expect(tagOf(calls(await send(FRIEND, 3))[0], "Fleet-For")).toBeUndefined();
  });

  test("does not make the called process unhealthy, and keeps the caller's rights", async () => {
    const p = await base.clone();
    const fault = { Action: "ADD", Data: { by: 1, fail: "fault" }, "Fleet-For": STRANGER };
    for (let n = 0; n < 25; n++) await p.send({ From: FRIEND, Owner: MESSENGER, ...fault });
    expect(await health(p)).toEqual({
      verdict: "HEALTHY",
      fleet: few,
      strangers: "1.000 over 20 requests from outside the fleet, of 1 sender",
    });
    const allowed = await p.send({
      From: FRIEND,
      Owner: MESSENGER,
      Action: "FOR_PEERS",
      "Fleet-For": STRANGER,
    });
    expect(allowed.reply?.data.success).toBe(true);
  });

  test("is only believed from a process of the fleet", async () => {
    const p = await base.clone();
    await p.send({ From: STRANGER, Action: "ADD", Data: { by: 1, fail: "fault" }, "Fleet-For": OTHER });
    expect((await logged(p)).at(-1)).toMatchObject({ from: STRANGER });
  });
});

describe("a handler that waited (Receive)", () => {
  test("logs and calls for the sender of the message that began it", async () => {
    const p = await base.clone();
    await p.send({ From: STRANGER, Action: "Begin" });
    const resumed = await p.send({ From: FRIEND, Owner: MESSENGER, Action: "Tick" });
    expect((await logged(p)).find(({ text }) => text === "after the wait")).toMatchObject({ from: STRANGER });
    const [call] = calls(resumed);
    expect(tagOf(call, "Fleet-For")).toBe(STRANGER);
    await answer(p, call);
    expect((await logged(p)).at(-1)).toMatchObject({
      from: STRANGER,
      text: expect.stringContaining("after the wait"),
    });
    expect(await faulty(p, "fleet")).toBe(0);
    // The next message is again its sender's own.
    await p.send({ From: OTHER, Action: "SPEAK", Data: { level: "WARN", text: "mine" } });
    expect((await logged(p)).at(-1)).toMatchObject({ from: OTHER, text: "mine" });
  });
});
