import { beforeAll, describe, expect, test } from "vitest";
import { HOLD_CODES, TrafficStateSchema } from "../../src/delivery/wire.ts";
import {
  type Aos,
  address,
  boot,
  MESSENGER,
  type Reply,
  type SendResult,
  sentFor,
} from "../processes/aos.ts";

const BLUE = address("blue");
const GREEN = address("green");
const SHADOW = address("shadow");
const PLAYER = address("player");
const BASE = { release: "r1", step: 0, salt: "r1" };
let base: Aos;

const routes = (green: number, extra: object = {}) => ({
  battle: {
    key: "sender",
    routes: [
      { processId: GREEN, revision: "new", weightBp: green },
      { processId: BLUE, revision: "old", weightBp: 10_000 - green },
    ],
    ...extra,
  },
});
const all = { battle: { key: "sender", routes: [{ processId: BLUE, revision: "old", weightBp: 10_000 }] } };
const NEXT = {
  release: "r2",
  salt: "r2",
  expect: { release: "r1", step: 0 },
  lease: { forMs: 60_000, revertTo: "r1" },
};

const tagOf = (message: { Tags: { name: string; value: unknown }[] } | undefined, name: string) =>
  String(message?.Tags.find((tag) => tag.name === name)?.value ?? "");
const control = (p: Aos, action: string, data: object, more: object = {}) =>
  p.send({ Action: action, Epoch: "1", Data: data, ...more });
const set = async (p: Aos, data: object) => (await control(p, "SET_TRAFFIC", data)).reply as Reply;
const code = (reply: Reply | undefined) => reply?.data.error?.code ?? "ok";
const look = async (p: Aos) =>
  TrafficStateSchema.parse((await p.send({ From: PLAYER, Action: "GET_TRAFFIC" })).reply?.data);
const ask = (p: Aos, more: Record<string, unknown> = {}) =>
  p.send({
    From: PLAYER,
    Action: "FIGHT",
    Service: "battle",
    Data: {},
    "Correlation-Id": `c${p.slot}`,
    ...more,
  });
const answer = (
  p: Aos,
  from: string,
  asked: SendResult["messages"][number] | undefined,
  data: object,
  more: object = {},
) =>
  p.send({
    From: from,
    Owner: MESSENGER,
    Action: `${tagOf(asked, "Action")}-Response`,
    "Correlation-Id": tagOf(asked, "Correlation-Id"),
    ...sentFor(p.id, tagOf(asked, "Reference")),
    Data: data,
    ...more,
  });

async function prove(p: Aos, release: string, targets: Record<string, string>, change: object = {}) {
  const { messages } = await control(p, "PROVE_TARGETS", { release, targets });
  for (const asked of messages.filter(({ Target }) => targets[Target] !== undefined)) {
    const { healthCheck } = JSON.parse(asked.Data ?? "{}");
    const health = {
      success: true,
      healthStatus: "HEALTHY",
      checks: [],
      nonce: healthCheck.nonce,
      sourceHash: targets[asked.Target],
    };
    await answer(p, asked.Target, asked, { ...health, ...change });
  }
}

/** A coordinator with a steady table: all traffic to blue. */
async function steady(): Promise<Aos> {
  const p = await base.clone();
  await prove(p, "r1", { [BLUE]: "old" });
  expect(code(await set(p, { ...BASE, services: all }))).toBe("ok");
  return p;
}

/** Like `steady`, with green proven for the next release and half of the traffic under a lease. */
async function half(lease: object = {}): Promise<Aos> {
  const p = await steady();
  await prove(p, "r2", { [GREEN]: "new" });
  const table = { ...NEXT, step: 1, services: routes(5000), lease: { ...NEXT.lease, ...lease } };
  expect(code(await set(p, table))).toBe("ok");
  return p;
}

beforeAll(async () => {
  base = await boot("coordinator");
  await control(base, "WIRE_PEERS", { peers: { battle: BLUE, shop: address("shop") }, hash: "h" });
}, 60_000);

describe("a table", () => {
  test("is set by compare-and-set, and sending it again changes nothing", async () => {
    const p = await steady();
    await prove(p, "r2", { [GREEN]: "new" });
    const first = await set(p, { ...NEXT, step: 1, services: routes(500) });
    expect(first.data).toMatchObject({
      release: "r2",
      step: 1,
      mode: "rollout",
      repeated: false,
      slot: p.slot,
    });
    expect((await set(p, { ...NEXT, step: 1, services: routes(500) })).data).toMatchObject({
      repeated: true,
    });
    expect(code(await set(p, { ...NEXT, step: 2, services: routes(500) }))).toBe("STALE_STEP");
    expect(code(await set(p, { ...NEXT, step: 1, services: routes(600) }))).toBe("STALE_STEP");
    const next = { ...NEXT, expect: { release: "r2", step: 1 }, step: 2, services: routes(1000) };
    expect(code(await set(p, next))).toBe("ok");
    expect((await look(p)).table).toMatchObject({ release: "r2", step: 2 });
  });

  test.each([
    [
      "shares whose sum is too small",
      { battle: { key: "sender", routes: [{ processId: BLUE, revision: "old", weightBp: 9999 }] } },
      "UNBALANCED_TABLE",
    ],
    [
      "a negative share",
      {
        battle: {
          key: "sender",
          routes: [
            { processId: BLUE, revision: "old", weightBp: 10_001 },
            { processId: GREEN, revision: "new", weightBp: -1 },
          ],
        },
      },
      "INVALID_DATA",
    ],
    [
      "a fractional share",
      { battle: { key: "sender", routes: [{ processId: BLUE, revision: "old", weightBp: 10_000.5 }] } },
      "INVALID_DATA",
    ],
    [
      "the same process twice",
      {
        battle: {
          key: "sender",
          routes: [
            { processId: BLUE, revision: "old", weightBp: 5000 },
            { processId: BLUE, revision: "old", weightBp: 5000 },
          ],
        },
      },
      "UNBALANCED_TABLE",
    ],
    ["no routes", { battle: { key: "sender", routes: [] } }, "INVALID_DATA"],
    ["an unknown kind of key", { battle: { ...all.battle, key: "luck" } }, "ok"],
    ["an unproven target", routes(1), "UNPROVEN_TARGET"],
    ["an unproven mirror", { battle: { ...all.battle, mirror: SHADOW } }, "UNPROVEN_TARGET"],
    [
      "unproven testers",
      { battle: { ...all.battle, testers: { tag: "Beta", value: "1", processId: GREEN } } },
      "UNPROVEN_TARGET",
    ],
  ])("with %s", async (_what, services, expected) => {
    const p = await steady();
    expect(code(await set(p, { ...NEXT, step: 1, services }))).toBe(expected);
  });

  test("is set by the deployer only, at the epoch of the run", async () => {
    const p = await steady();
    const data = { ...BASE, step: 1, expect: { release: "r1", step: 0 }, services: all };
    expect(code((await control(p, "SET_TRAFFIC", data, { From: PLAYER })).reply)).toBe("FORBIDDEN");
    expect(code((await control(p, "SET_TRAFFIC", data, { Epoch: "0" })).reply)).toBe("STALE_EPOCH");
    expect(
      code((await control(p, "PROVE_TARGETS", { release: "x", targets: {} }, { From: PLAYER })).reply),
    ).toBe("FORBIDDEN");
    const command = { From: PLAYER, Action: "TRAFFIC_COMMAND", Data: { command: "abort" } };
    expect(code((await p.send(command)).reply)).toBe("FORBIDDEN");
  });

  test("needs a proven table to return to before it can have a lease", async () => {
    const p = await base.clone();
    await prove(p, "r2", { [GREEN]: "new" });
    const first = { release: "r2", salt: "r2", step: 0, services: routes(10_000) };
    expect(code(await set(p, { ...first, lease: NEXT.lease }))).toBe("NO_PROVEN_TABLE");
    expect(code(await set(p, { ...first, lease: NEXT.lease, hold: "x" }))).toBe("INVALID_DATA");
    expect(code(await set(p, first))).toBe("ok");
  });
});

describe("a hold", () => {
  test("keeps its code next to its sentence, and the router lists the codes that it accepts", async () => {
    const p = await base.clone();
    await prove(p, "r1", { [BLUE]: "old" });
    const held = { ...BASE, services: all, hold: "a gate at 5 %" };
    expect((await look(p)).holdCodes).toEqual([...HOLD_CODES]);
    expect(code(await set(p, { ...held, holdCode: "weekend" }))).toBe("INVALID_DATA");
    expect(code(await set(p, { ...BASE, services: all, holdCode: "gate" }))).toBe("INVALID_DATA");
    expect(code(await set(p, { ...held, holdCode: "gate" }))).toBe("ok");
    expect((await look(p)).table).toMatchObject({
      mode: "held",
      holdCode: "gate",
      reason: "a gate at 5 %",
    });
    // By a deployer of an earlier version.
    expect(code(await set(p, { ...held, step: 1, expect: { release: "r1", step: 0 } }))).toBe("ok");
    expect((await look(p)).table?.holdCode).toBeUndefined();
  });

  test("takes another reason, once: from then on an abort is left to a run", async () => {
    const p = await half();
    const place = { release: "r2", step: 1 };
    const held = { release: "r2", salt: "r2", step: 1, services: routes(5000) };
    await set(p, { ...held, expect: place, hold: "a gate at 50 %", holdCode: "gate" });
    const { serial } = await look(p);
    await p.send({ Action: "TRAFFIC_COMMAND", Data: { command: "promote" } });
    const why = { expect: { ...place, serial }, hold: "the state cannot go back; x", holdCode: "stranded" };
    const [first, second] = [await set(p, { ...held, ...why }), await set(p, { ...held, ...why })];
    expect([first.data.repeated, second.data.repeated]).toEqual([false, true]);
    expect(code(await set(p, { ...held, ...why, hold: "x", holdCode: "failed" }))).toBe("STALE_STEP");
    const now = await look(p);
    expect([now.table?.holdCode, now.table?.reason, now.serial]).toEqual([
      "stranded",
      "the state cannot go back; x",
      serial + 1,
    ]);
    // The promotion is from before that was known.
    expect(now.command).toBeUndefined();
    await p.send({ Action: "TRAFFIC_COMMAND", Data: { command: "abort" } });
    expect((await look(p)).table).toMatchObject({ release: "r2", holdCode: "stranded" });
    await set(p, { ...held, expect: place, hold: "again", holdCode: "stranded" });
    expect((await look(p)).command).toMatchObject({ command: "abort" });
  });

  test("that the end of a lease leaves is abandoned", async () => {
    const p = await half({ onEnd: "hold" });
    p.now += 61_000;
    expect((await look(p)).table).toMatchObject({ release: "r2", mode: "held", holdCode: "abandoned" });
  });
});

test("an abort is forgotten when its release gets traffic again, not while its table is held", async () => {
  const p = await half();
  await p.send({ Action: "TRAFFIC_COMMAND", Data: { command: "abort" } });
  const again = { ...NEXT, step: 1, services: routes(5000) };
  const { lease: _, ...held } = again;
  await set(p, { ...held, hold: "the state cannot go back; x", holdCode: "stranded" });
  expect((await look(p)).reverted).toMatchObject({ release: "r2", why: "abort" });
  expect(code(await set(p, { ...again, expect: { release: "r2", step: 1 } }))).toBe("ok");
  expect((await look(p)).reverted).toBeUndefined();
});

describe("a proof", () => {
  test.each([
    [
      "unhealthy",
      { healthStatus: "UNHEALTHY", checks: [{ name: "db", status: "UNHEALTHY", detail: "gone" }] },
      "it is UNHEALTHY (db: gone)",
    ],
    ["other code", { sourceHash: "evil" }, "it runs code evil, not new"],
    ["an answer with another nonce", { nonce: "n" }, "it answered a different health check"],
    [
      "a refusal",
      { success: false, error: { code: "GONE", message: "retired", remedy: "" } },
      "GONE: retired",
    ],
  ])("fails on %s", async (_what, change, detail) => {
    const p = await steady();
    await prove(p, "r2", { [GREEN]: "new" }, change);
    expect((await look(p)).proofs[GREEN]).toMatchObject({ status: "refused", detail });
    expect(code(await set(p, { ...NEXT, step: 1, services: routes(500) }))).toBe("UNPROVEN_TARGET");
  });

  test("is asked for once more if the first check is lost, by a message of its own", async () => {
    const p = await steady();
    const targets = { [GREEN]: "new" };
    const { messages } = await control(p, "PROVE_TARGETS", { release: "r2", targets });
    const nonceOf = (asked: (typeof messages)[number] | undefined) =>
      JSON.parse(asked?.Data ?? "{}").healthCheck?.nonce;
    const lost = messages.find(({ Target }) => Target === GREEN);
    p.now += 30_000;
    const again = (await p.send({ From: PLAYER, Action: "Info" })).messages.find(
      ({ Target }) => Target === GREEN,
    );
    expect([nonceOf(again) !== undefined, nonceOf(again) === nonceOf(lost)]).toEqual([true, false]);
    expect((await look(p)).proofs[GREEN]).toMatchObject({ status: "asked" });
    p.now += 30_000;
    const third = await p.send({ From: PLAYER, Action: "Info" });
    expect(third.messages.filter(({ Target }) => Target === GREEN)).toEqual([]);
    const detail = expect.stringContaining("TIMEOUT");
    expect((await look(p)).proofs[GREEN]).toMatchObject({ status: "refused", detail });
    // The second one is answered.
    await control(p, "PROVE_TARGETS", { release: "r2", targets });
    p.now += 30_000;
    const [asked] = (await p.send({ From: PLAYER, Action: "Info" })).messages.filter(
      ({ Target }) => Target === GREEN,
    );
    const health = {
      success: true,
      healthStatus: "HEALTHY",
      checks: [],
      nonce: nonceOf(asked),
      sourceHash: "new",
    };
    await answer(p, GREEN, asked, health);
    expect((await look(p)).proofs[GREEN]).toMatchObject({ status: "proven" });
  });

  test("is for the process itself, one release and one code", async () => {
    const p = await steady();
    const { messages } = await control(p, "PROVE_TARGETS", { release: "r2", targets: { [GREEN]: "new" } });
    const asked = messages.find(({ Target }) => Target === GREEN);
    const { nonce } = JSON.parse(asked?.Data ?? "{}").healthCheck;
    const health = { success: true, healthStatus: "HEALTHY", checks: [], nonce, sourceHash: "new" };
    await answer(p, PLAYER, asked, health, { Owner: PLAYER });
    expect((await look(p)).proofs[GREEN]).toMatchObject({ status: "asked" });
    await answer(p, GREEN, asked, health);
    expect((await look(p)).proofs[GREEN]).toMatchObject({ status: "proven", release: "r2", revision: "new" });
    expect(code(await set(p, { ...NEXT, release: "r3", step: 1, services: routes(1) }))).toBe(
      "UNPROVEN_TARGET",
    );
    const other = routes(1);
    other.battle.routes[0] = { processId: GREEN, revision: "newer", weightBp: 1 };
    expect(code(await set(p, { ...NEXT, step: 1, services: other }))).toBe("UNPROVEN_TARGET");
    expect(
      (await control(p, "PROVE_TARGETS", { release: "r2", targets: { [GREEN]: "new" } })).reply?.data,
    ).toMatchObject({ count: 0 });
  });
});

describe("a lease", () => {
  test.each(["NOBODY_KNOWS_THIS", "LIST_SERVICES", "Info"])(
    "ends by itself at the next message, such as %s; a delayed step then does nothing",
    async (Action) => {
      const p = await half();
      p.now += 50_000;
      expect((await look(p)).table).toMatchObject({ release: "r2" });
      p.now += 20_000;
      await p.send({ From: PLAYER, Action });
      const state = await look(p);
      expect(state.table).toMatchObject({ release: "r1", step: 0, mode: "steady" });
      expect(state.reverted).toMatchObject({ release: "r2", step: 1, why: "lease" });
      expect(state.lease).toBeUndefined();
      const late = { ...NEXT, expect: { release: "r2", step: 1 }, step: 2, services: routes(10_000) };
      expect(code(await set(p, late))).toBe("STALE_STEP");
      const aged = {
        ...NEXT,
        expect: { release: "r1", step: 0, serial: 1 },
        step: 1,
        services: routes(5000),
      };
      expect(code(await set(p, aged))).toBe("STALE_STEP");
    },
  );

  test("ends at the scheduler's cron too, and before the arriving request is routed", async () => {
    for (const wake of [
      { Action: "Cron", Cron: true },
      { From: PLAYER, Action: "FIGHT", Service: "battle", Data: {} },
    ]) {
      const p = await half();
      p.now += 70_000;
      const { messages } = await p.send(wake);
      if (wake.From) expect(messages.map(({ Target }) => Target)).toEqual([BLUE]);
      expect(await p.value("Fleet.store.states.traffic.table.release")).toBe("r1");
    }
  });

  test("is renewed by the same message; a steady split and a held table have none", async () => {
    const p = await half();
    p.now += 50_000;
    expect((await set(p, { ...NEXT, step: 1, services: routes(5000) })).data).toMatchObject({
      repeated: true,
    });
    p.now += 50_000;
    expect((await look(p)).table).toMatchObject({ release: "r2" });
    const { lease, ...rest } = NEXT;
    const split = { ...rest, expect: { release: "r2", step: 1 }, step: 2, services: routes(5000) };
    expect((await set(p, split)).data).toMatchObject({ mode: "steady" });
    p.now += 10 * 86_400_000;
    expect((await look(p)).proven).toMatchObject({ release: "r2", step: 2 });
    expect((await look(p)).table).toMatchObject({ release: "r2", step: 2 });
    expect(lease.revertTo).toBe("r1");
  });
});

describe("a person's command", () => {
  const say = (p: Aos, command: string, more: object = {}) =>
    p.send({ Action: "TRAFFIC_COMMAND", Data: { command }, ...more });

  test("aborts at once, pauses without limit, and leaves promote and resume for the run to read", async () => {
    const p = await half();
    expect((await say(p, "promote")).reply?.data).toMatchObject({ success: true, release: "r2", step: 1 });
    expect((await look(p)).command).toMatchObject({ command: "promote", release: "r2", step: 1 });
    await say(p, "pause");
    p.now += 10 * 86_400_000;
    expect((await look(p)).table).toMatchObject({
      ...{ release: "r2", mode: "held" },
      ...{ reason: "paused by hand", holdCode: "paused" },
    });
    await say(p, "resume");
    expect((await look(p)).command).toMatchObject({ command: "resume" });
    expect(code((await say(p, "abort", { Data: { command: "abort", release: "r9" } })).reply)).toBe(
      "STALE_STEP",
    );
    expect(code((await say(p, "abort", { Epoch: "0" })).reply)).toBe("STALE_EPOCH");
    expect((await say(p, "abort")).reply?.data).toMatchObject({ table: { release: "r1", step: 0 } });
    expect((await look(p)).reverted).toMatchObject({ why: "abort", step: 1 });
    expect(code((await say(p, "promote")).reply)).toBe("NO_ROLLOUT");
  });

  test("aborts no table that is held because the old revision cannot take the state: the run decides", async () => {
    const p = await half();
    const { table } = await look(p);
    const expected = { release: "r2", step: 1 };
    const held = {
      ...table,
      mode: undefined,
      at: undefined,
      expect: expected,
      hold: "it cannot",
      holdCode: "stranded",
    };
    expect(code(await set(p, held))).toBe("ok");
    // A pause of what is held already leaves the reason that an abort decides by.
    expect((await say(p, "pause")).reply?.data).toMatchObject({ success: true, mode: "held" });
    expect((await say(p, "abort")).reply?.data).toMatchObject({ success: true, mode: "held", release: "r2" });
    const state = await look(p);
    expect(state.table).toMatchObject({
      ...expected,
      mode: "held",
      holdCode: "stranded",
      reason: "it cannot",
    });
    expect([state.command?.command, state.reverted]).toEqual(["abort", undefined]);
    // A person who knows that the state cannot go back may keep the new revision.
    for (const command of ["pause", "resume"])
      expect(code((await say(p, command)).reply)).toBe("ABORT_PENDING");
    expect(code((await say(p, "promote")).reply)).toBe("ok");
    expect((await look(p)).command?.command).toBe("promote");
  });

  test.each(["gate", "paused"])(
    "aborts no table that is held (%s) while the state is with the new revision: no run would return it at once",
    async (holdCode) => {
      const p = await half({ onEnd: "hold" });
      const { table } = await look(p);
      const at = { release: "r2", step: 1 };
      const held = { ...table, mode: undefined, at: undefined, handed: undefined, expect: at };
      if (holdCode === "paused") await say(p, "pause");
      else expect(code(await set(p, { ...held, hold: "a gate", holdCode }))).toBe("ok");
      const { serial } = await look(p);
      expect((await say(p, "abort")).reply?.data).toMatchObject({ mode: "held", ...at });
      // A run that read the table before does not know of it.
      const late = { ...held, step: 2, lease: { forMs: 60_000, revertTo: "r1" }, expect: { ...at, serial } };
      expect(code(await set(p, late))).toBe("STALE_STEP");
      const state = await look(p);
      expect([state.command?.command, state.reverted, state.table]).toMatchObject([
        "abort",
        undefined,
        { ...at, mode: "held", holdCode, handed: true },
      ]);
      // Under a lease again, as a run of before the abort would set it: the abort stands, and no lease undoes it.
      const again = { ...held, lease: { forMs: 60_000, revertTo: "r1", onEnd: "hold" } };
      expect(code(await set(p, again))).toBe("ok");
      expect((await say(p, "abort")).reply?.data).toMatchObject({ mode: "held", ...at });
    },
  );

  test("holds a table under a lease that is aborted while the state is with the new revision, whoever watches it", async () => {
    const p = await half({ onEnd: "hold" });
    const { table, serial } = await look(p);
    const at = { release: "r2", step: 1 };
    expect((await say(p, "abort")).reply?.data).toMatchObject({ mode: "held", ...at });
    // The deployer does not know of it yet: neither its next step nor its end counts.
    const next = { ...NEXT, step: 2, services: routes(10_000), expect: { ...at, serial } };
    const { lease: _, ...end } = next;
    for (const late of [next, end]) expect(code(await set(p, late))).toBe("STALE_STEP");
    // Nor does another command, until a run has carried the abort out.
    for (const command of ["promote", "pause", "resume"])
      expect((await say(p, command)).reply?.data.error).toMatchObject({
        code: "ABORT_PENDING",
        message: "release r2, step 1 was aborted, and no run has returned its state and traffic yet",
      });
    p.now += 10 * 86_400_000;
    const state = await look(p);
    expect(state.table).toMatchObject({ ...at, services: table?.services, holdCode: "paused", handed: true });
    expect([state.command?.command, state.reverted, state.lease]).toEqual(["abort", undefined, undefined]);
  });

  test.each(["abort", "pause", "the end of the lease"])(
    "keeps the traffic at the state of a table that an earlier version set, at %s and an abort after it",
    async (first) => {
      const p = await half({ onEnd: "hold" });
      await p.eval('require("fleet.router-state").state.table.handed = nil');
      if (first === "the end of the lease") p.now += 60_001;
      else await say(p, first);
      const held = { release: "r2", step: 1, mode: "held" };
      expect((await look(p)).table).toMatchObject({ ...held, handed: true });
      expect((await say(p, "abort")).reply?.data).toMatchObject(held);
      expect((await look(p)).reverted).toBeUndefined();
    },
  );

  test("aborts, and the router keeps that a run has returned the state, which only that run can say", async () => {
    const p = await half();
    await say(p, "abort");
    const { serial } = await look(p);
    const isReturned = async (expected: object) => {
      const said = await set(p, { ...BASE, services: all, expect: expected });
      const { reverted, ...rest } = await look(p);
      expect([said.data.repeated, rest.serial]).toEqual([true, serial]);
      return reverted?.returned;
    };
    // Messages of before the abort, as one that arrives late.
    expect(await isReturned({ release: "r2", step: 1 })).toBeUndefined();
    expect(await isReturned({ release: "r1", step: 0, serial: serial - 1 })).toBeUndefined();
    expect(await isReturned({ release: "r1", step: 0, serial })).toBe(true);
  });
});

test("a command after an A/B test names what ends the test, and after any other rollout what starts one", async () => {
  const p = await half();
  const remedy = async (command: string) => {
    const { reply } = await p.send({ Action: "TRAFFIC_COMMAND", Data: { command } });
    return [code(reply), reply?.data.error?.message, reply?.data.error?.remedy];
  };
  const end = { release: "r2", step: 2, salt: "r2", expect: { release: "r2", step: 1 } };
  expect(code(await set(p, { ...end, services: routes(5000) }))).toBe("ok");
  for (const command of ["promote", "pause", "resume", "abort"])
    expect(await remedy(command)).toEqual([
      "NO_ROLLOUT",
      "no rollout is in progress: release r2, step 2 is a permanent split, the end of an A/B test",
      "To keep the new revision, set another trafficStrategy (INSTANT) and run fleet deploy; " +
        "to keep the old one, run fleet rollback to its release.",
    ]);
  const whole = await steady();
  const { reply } = await whole.send({ Action: "TRAFFIC_COMMAND", Data: { command: "promote" } });
  expect(reply?.data.error?.remedy).toBe("Change the code and run fleet deploy to start one.");
});

describe("a request", () => {
  test("always goes to one revision, and its answer returns with the caller's correlation id", async () => {
    const p = await half();
    const targets = new Map<string, string>();
    for (let i = 0; i < 12; i += 1) {
      const from = address(`player-${i}`);
      const { messages } = await ask(p, { From: from, "Correlation-Id": `mine-${i}` });
      const [asked] = messages;
      targets.set(from, asked?.Target ?? "");
      expect(tagOf(asked, "On-Behalf-Of")).toBe(from);
      const { messages: back } = await answer(p, asked?.Target ?? "", asked, { success: true, n: i });
      expect(back).toHaveLength(1);
      expect(back[0]).toMatchObject({ Target: from });
      expect([tagOf(back[0], "Correlation-Id"), tagOf(back[0], "Action")]).toEqual([
        `mine-${i}`,
        "FIGHT-Response",
      ]);
      expect(JSON.parse(back[0]?.Data ?? "")).toEqual({ success: true, n: i });
    }
    expect(new Set(targets.values())).toEqual(new Set([BLUE, GREEN]));
    for (const [from, target] of targets)
      expect((await ask(p, { From: from })).messages[0]?.Target).toBe(target);
    const routed = await p.send({
      From: [...targets.keys()][0] ?? "",
      Action: "ROUTE",
      Data: { service: "battle", action: "FIGHT", data: {} },
    });
    expect(routed.messages[0]?.Target).toBe([...targets.values()][0]);
  });

  test("in progress during a switch is still answered, once", async () => {
    const p = await half();
    const asked = (await ask(p, { "Correlation-Id": "flying" })).messages[0];
    await prove(p, "r2", { [GREEN]: "new" });
    expect(
      code(await set(p, { ...NEXT, expect: { release: "r2", step: 1 }, step: 2, services: routes(10_000) })),
    ).toBe("ok");
    const { messages } = await answer(p, asked?.Target ?? "", asked, { success: true });
    expect(messages.map((each) => [each.Target, tagOf(each, "Correlation-Id")])).toEqual([
      [PLAYER, "flying"],
    ]);
    expect((await answer(p, asked?.Target ?? "", asked, { success: true })).messages).toHaveLength(0);
  });

  test("of testers goes where their tag says; without a table it goes by wiring", async () => {
    const p = await steady();
    await prove(p, "r2", { [GREEN]: "new" });
    const testers = { tag: "Beta", value: "yes", processId: GREEN };
    expect(code(await set(p, { ...NEXT, step: 1, services: routes(0, { testers }) }))).toBe("ok");
    expect((await ask(p)).messages[0]?.Target).toBe(BLUE);
    expect((await ask(p, { Beta: "yes" })).messages[0]?.Target).toBe(GREEN);
    expect((await ask(p, { Beta: "no" })).messages[0]?.Target).toBe(BLUE);
    expect((await ask(p, { Service: "shop" })).messages[0]?.Target).toBe(address("shop"));
    expect((await ask(await base.clone())).messages[0]?.Target).toBe(BLUE);
  });

  test("takes the place of the oldest one of the sender with most, if the router is full", async () => {
    const p = await steady();
    const at = p.now;
    const stranger = address("stranger");
    const open = async (from: string, correlation: string) => {
      p.now = at;
      return (await ask(p, { From: from, "Correlation-Id": correlation })).messages;
    };
    const requests = async () => (await look(p)).metrics?.services.battle?.[BLUE]?.requests;
    const first = (await open(stranger, "s0"))[0];
    for (let i = 1; i < 256; i += 1) await open(stranger, `s${i}`);
    // Nobody has more than the stranger itself.
    const refused = await open(stranger, "more");
    expect(JSON.parse(refused[0]?.Data ?? "")).toMatchObject({
      error: { code: "BUSY", message: "this process already has 256 open requests" },
    });
    expect(await requests()).toBe(256);
    const messages = await open(PLAYER, "mine");
    const [dropped] = messages.filter(({ Target }) => Target === stranger);
    expect([tagOf(dropped, "Correlation-Id"), JSON.parse(dropped?.Data ?? "").error]).toEqual([
      "s0",
      {
        code: "BUSY",
        message: "this process has no place for more open requests, and you have the most",
        remedy: expect.stringContaining("Check whether the request was performed"),
      },
    ]);
    expect(await requests()).toBe(256);
    const asked = messages.find(({ Target }) => Target === BLUE);
    const back = (await answer(p, BLUE, asked, { success: true, n: 7 })).messages;
    expect(back.map((each) => [each.Target, tagOf(each, "Correlation-Id")])).toEqual([[PLAYER, "mine"]]);
    // Whoever lost its place gets nothing more.
    expect((await answer(p, BLUE, first, { success: true })).messages).toEqual([]);
  }, 60_000);

  test("is copied to a mirror, whose answer nobody sees", async () => {
    const p = await steady();
    await prove(p, "r2", { [SHADOW]: "new" });
    expect(
      code(await set(p, { ...NEXT, step: 1, services: { battle: { ...all.battle, mirror: SHADOW } } })),
    ).toBe("ok");
    const { messages } = await ask(p);
    expect(messages.map(({ Target }) => Target)).toEqual([BLUE, SHADOW]);
    expect(tagOf(messages[1], "Mirror")).toBe("true");
    expect((await answer(p, SHADOW, messages[1], { success: true })).messages).toHaveLength(0);
    expect((await answer(p, BLUE, messages[0], { success: true })).messages).toHaveLength(1);
    expect((await look(p)).metrics?.services.battle?.[SHADOW]).toMatchObject({ requests: 1, answered: 1 });
  });
});

describe("traffic figures", () => {
  test("count requests, how they ended and how long they took, in this step and the one before", async () => {
    const p = await half();
    const end = async (data: object, ms: number) => {
      const asked = (await ask(p)).messages[0];
      p.now += ms;
      await answer(p, asked?.Target ?? "", asked, data, { Timestamp: p.now });
      return asked?.Target ?? "";
    };
    const refusal = (name: string) => ({ success: false, error: { code: name, message: "m", remedy: "r" } });
    const id = await end({ success: true }, 120);
    await end(refusal("INSUFFICIENT_FUNDS"), 30);
    await end(refusal("INTERNAL"), 5);
    await p.send({ From: PLAYER, Action: "Info", Service: "battle" });
    const state = await look(p);
    const figures = { requests: 3, answered: 1, errors: 1, refused: 1, latencies: [120, 30, 5] };
    expect(state.metrics).toMatchObject({ release: "r2", step: 1, services: { battle: { [id]: figures } } });
    await ask(p);
    p.now += 120_000;
    await p.send({ From: PLAYER, Action: "LIST_SERVICES" });
    const later = await look(p);
    // The lease is over too: the counts belong to the step before.
    expect(later.before?.services.battle?.[id]).toMatchObject({
      requests: 4,
      errors: 2,
      latencies: [120, 30, 5],
    });
    // No judgement of that step knew of the fault, so this step reports it as well.
    expect(later.metrics?.services.battle?.[id]).toMatchObject({
      requests: 0,
      errors: 0,
      earlier: 1,
      open: [],
    });
    expect(later.before?.services.battle?.[id]?.earlier).toBeUndefined();
  });

  test("name, during a rollout, the senders with most faults, of which there are at most 16", async () => {
    const p = await half();
    const lease = { forMs: 3_600_000, revertTo: "r1" };
    expect(code(await set(p, { ...NEXT, step: 1, services: routes(5000), lease }))).toBe("ok");
    const sides = new Map<string, number>();
    const once = async (from: string, data: object) => {
      const asked = (await ask(p, { From: from })).messages[0];
      const id = asked?.Target ?? "";
      sides.set(id, (sides.get(id) ?? 0) + 1);
      p.now += 10;
      await answer(p, id, asked, data, { Timestamp: p.now });
      return id;
    };
    const fault = { success: false, error: { code: "INTERNAL", message: "m", remedy: "r" } };
    const stranger = address("stranger");
    const id = await once(stranger, fault);
    for (let i = 0; i < 60; i += 1) await once(address(`honest-${i}`), { success: true });
    await once(stranger, fault);
    await ask(p, { From: stranger });
    const one = (await look(p)).metrics?.services.battle?.[id];
    expect(Object.keys(one?.senders ?? {})).toHaveLength(16);
    expect(one?.senders?.[stranger]).toMatchObject({
      ...{ requests: 3, answered: 0, errors: 2, refused: 0 },
      ...{ latencies: [10, 10], open: [expect.any(Number)] },
    });
    expect(one?.requests).toBe((sides.get(id) ?? 0) + 1);
    // Nor does one drive the latencies of others out.
    for (let i = 0; i < 130; i += 1) await once(stranger, fault);
    const full = (await look(p)).metrics?.services.battle?.[id];
    expect(full?.senders?.[stranger]?.latencies).toHaveLength(128);
    expect(full?.latencies).toHaveLength((one?.answered ?? 0) + 128);
    // Nothing is judged then.
    const steadied = { release: "r2", step: 1, salt: "r2", expect: { release: "r2", step: 1 } };
    expect(code(await set(p, { ...steadied, services: routes(5000) }))).toBe("ok");
    expect((await look(p)).metrics?.services.battle?.[id]?.senders).toBeUndefined();
  }, 30_000);

  test("show a deployer single callers: known ones apart, each with the slot of what failed, and no more than there are places for", async () => {
    const p = await steady();
    const fault = { success: false, error: { code: "INTERNAL", message: "m", remedy: "r" } };
    const refusal = (name: string) => ({ success: false, error: { code: name, message: "m", remedy: "r" } });
    const once = async (from: string, data: object) => {
      const asked = (await ask(p, { From: from })).messages[0];
      const { slot } = p;
      p.now += 10;
      await answer(p, asked?.Target ?? "", asked, data, { Timestamp: p.now });
      return slot;
    };
    const [served, refused] = [address("served"), address("refused")];
    await once(served, { success: true });
    await once(refused, refusal("NOPE"));
    p.now += 10;
    await prove(p, "r2", { [GREEN]: "new" });
    const lease = { forMs: 3_600_000, revertTo: "r1" };
    expect(code(await set(p, { ...NEXT, step: 1, services: routes(10_000), lease }))).toBe("ok");
    // A crowd of new wallets comes first.
    for (let i = 0; i < 130; i += 1) await once(address(`new-${i}`), fault);
    const slot = await once(served, fault);
    await once(served, refusal("RATE_LIMITED"));
    await once(served, refusal("BUSY"));
    await once(refused, { success: true });
    await ask(p, { From: served });
    const detailed = async (from: string) =>
      TrafficStateSchema.parse(
        (await p.send({ From: from, Action: "GET_TRAFFIC", Data: { callers: ["battle"] } })).reply?.data,
      );
    const { metrics, before } = await detailed(p.owner);
    const callers = metrics?.services.battle?.[GREEN]?.callers ?? [];
    expect(callers.filter(({ known }) => !known)).toHaveLength(128);
    expect(callers.filter(({ known }) => known)).toEqual([
      expect.objectContaining({
        ...{
          id: served,
          since: expect.any(Number),
          requests: 4,
          answered: 0,
          errors: 2,
          refused: 1,
          busy: 1,
          limited: 1,
        },
        ...{ fault: { slot, code: "INTERNAL" }, ms: [10, 10, 10], open: [expect.any(Number)] },
      }),
    ]);
    expect([metrics?.servedBefore, before?.servedBefore]).toEqual([["battle"], undefined]);
    // Being refused makes nobody known, and neither does the rollout itself.
    expect(callers.find(({ id }) => id === refused)).toBeUndefined();
    const old = before?.services.battle?.[BLUE]?.callers;
    expect(old?.map(({ id, known, answered }) => [id, known, answered]).sort()).toEqual(
      [
        [served, true, 1],
        [refused, false, 0],
      ].sort(),
    );
    // Figures that an earlier version began have no callers: they are counted further, and judged without.
    await p.eval(
      'for _, one in pairs(require("fleet.store").states["traffic-metrics"].now.services.battle) do one.callers = nil end return 1',
    );
    await once(served, fault);
    const earlier = (await detailed(p.owner)).metrics?.services.battle?.[GREEN];
    expect(earlier).toMatchObject({ errors: 133, senders: expect.anything() });
    expect(earlier?.callers).toBeUndefined();
    // Who only reads the table does not get them.
    const strangers = (await detailed(PLAYER)).metrics;
    expect([strangers?.services.battle?.[GREEN]?.callers, strangers?.servedBefore]).toEqual([
      undefined,
      undefined,
    ]);
    expect((await look(p)).metrics?.services.battle?.[GREEN]?.callers).toBeUndefined();
  }, 30_000);

  test("keep the places of known callers for those of longest standing", async () => {
    const p = await steady();
    const ids = Array.from({ length: 130 }, (_, i) => address(`old-${i}`));
    await p.eval(`local K = require("fleet.store").states["traffic-callers"]
      -- Like in an earlier version.
      K.services = nil
      for id in ("${ids.join(" ")}"):gmatch("%S+") do
        K.count = K.count + 1
        K.list[K.count], K.since[id], K.last[id] = id, K.count, ${p.now}
      end
      return K.count`);
    await prove(p, "r2", { [GREEN]: "new" });
    const lease = { forMs: 3_600_000, revertTo: "r1" };
    expect(code(await set(p, { ...NEXT, step: 1, services: routes(10_000), lease }))).toBe("ok");
    // Those who came last call first, and take all places.
    const [first, ...others] = ids;
    for (const id of [...others.reverse(), first, ids[129]]) {
      const asked = (await ask(p, { From: id })).messages[0];
      await answer(p, GREEN, asked, { success: true });
    }
    const asked = await p.send({ From: p.owner, Action: "GET_TRAFFIC", Data: { callers: ["battle"] } });
    const { metrics } = TrafficStateSchema.parse(asked.reply?.data);
    const kept = metrics?.services.battle?.[GREEN]?.callers?.map(({ id }) => id);
    expect(kept?.sort()).toEqual(ids.slice(0, 128).sort());
    // Answers of the rollout itself do not count.
    expect(metrics?.servedBefore).toEqual([]);
  }, 30_000);

  test("include the age of each open request, whatever its step, and exclude what is not counted", async () => {
    const p = await half();
    const first = (await ask(p)).messages[0];
    const id = first?.Target ?? "";
    p.now += 9_000;
    await p.send({ From: PLAYER, Action: "Info", Service: "battle" });
    await ask(p);
    p.now += 3_000;
    const ages = async () =>
      (await look(p)).metrics?.services.battle?.[id]?.open?.map((ms) => Math.round(ms / 1000));
    const [old, young] = (await ages()) ?? [];
    expect(old).toBeGreaterThanOrEqual(12);
    expect(young).toBeLessThan(9);
    const back = await p.send({ From: p.owner, Action: "TRAFFIC_COMMAND", Data: { command: "abort" } });
    expect(code(back.reply)).toBe("ok");
    const state = await look(p);
    expect(state.metrics?.services.battle?.[id]).toMatchObject({
      requests: 0,
      open: [expect.any(Number), expect.any(Number)],
    });
    expect(state.before?.services.battle?.[id]?.requests).toBe(2);
    await answer(p, id, first, { success: true });
    expect(await ages()).toHaveLength(1);
  });
});
