import { beforeAll, describe, expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { type Aos, address, boot } from "./aos.ts";
import { COUNTER } from "./programs.ts";

const STRANGER = address("stranger");
const FRIEND = address("friend");
let base: Aos;

beforeAll(async () => {
  base = await boot("counter", { source: COUNTER });
  const wired = await base.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { friend: FRIEND } } });
  expect(wired.reply?.status).toBe("ok");
  await base.send({ From: STRANGER, Action: "ADD", Data: { by: 2 } });
}, 60_000);

const states = (p: Aos) => p.value("Fleet.store.states");
const add = (p: Aos, data: object, more: object = {}) =>
  p.send({ From: STRANGER, Action: "ADD", Data: data, ...more });

describe("a handler that fails leaves no trace", () => {
  test.each([
    ["refused", "TOO_BAD"],
    ["fault", "INTERNAL"],
    ["raise", "INTERNAL"],
    ["nil", "INTERNAL"],
    ["reply", "INTERNAL"],
    ["number", "INTERNAL"],
    ["deep", "INTERNAL"],
    ["wait", "INTERNAL"],
  ])("by %s: %s", async (fail, code) => {
    const p = await base.clone();
    const before = await states(p);
    const result = await add(p, { by: 5, fail });
    expect(result.error).toBeUndefined();
    expect(result.reply?.data.error?.code).toBe(code);
    // The owner is notified of a fault in a message of its own.
    const isError = (name: string, value: string) => name === "Action" && value === "Error";
    const others = result.messages.filter(
      ({ Tags }) => !Tags.some(({ name, value }) => isError(name, value)),
    );
    expect(others).toHaveLength(1);
    expect(await states(p)).toEqual(before);
    expect(await p.value("Fleet.store.calls.count")).toBe(0);
    expect(await p.value("#Handlers.list")).toBe(await base.value("#Handlers.list"));
    // The tables are the same: a reference that the program took at its start still works.
    expect((await add(p, { by: 3 })).reply?.data.n).toBe(5);
    expect(await p.value("Fleet.store.states.counter.nested.list")).toEqual([{ by: 2 }, { by: 3 }]);
    expect(await p.value("Fleet.store.states.history")).toEqual([2, 3]);
    const statistics = (await p.send({ Action: "GET_STATISTICS" })).reply?.data.statistics;
    expect(statistics).toMatchObject({
      errors: code === "INTERNAL" ? 1 : 0,
      refused: code === "INTERNAL" ? 0 : 1,
    });
    await p.drop();
  });

  test("and its faults are counted and logged with their line", async () => {
    const p = await base.clone();
    for (let i = 0; i < 20; i++) await add(p, { by: 1, fail: "nil" });
    const logs = (await p.send({ Action: "LOGS", Data: { level: "ERROR" } })).reply?.data.entries as {
      text: string;
    }[];
    expect(logs).toHaveLength(20);
    expect(logs[0]?.text).toMatch(/^ADD: \[string "aos"\]:\d+: attempt to index a nil value/);
    await p.drop();
  });
});

describe("faults and health", () => {
  const health = async (p: Aos, checkType: string) => {
    const data = (await p.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType } } })).reply?.data;
    const checks = data?.checks as { name: string; status: string; detail: string }[];
    const odd = checks.filter(({ name }) => name.startsWith("errorRate"));
    return { status: data?.healthStatus, odd: odd.map(({ name, status, detail }) => [name, status, detail]) };
  };
  const fail = async (p: Aos, From: string) => {
    for (let i = 0; i < 20; i++) await add(p, { by: 1, fail: "nil" }, { From });
  };
  // The wiring and the health checks themselves are requests of the fleet.
  const few = expect.stringContaining("requests are too few for a verdict");

  test("a stranger's decide nothing for a deployment, a rollout or a router, and are named in a round", async () => {
    const p = await base.clone();
    await fail(p, STRANGER);
    const share = "1.000 over 20 requests from outside the fleet, of 1 sender";
    for (const type of ["ALL", "POST_DEPLOYMENT", "ROLLBACK_VERIFICATION", "PERFORMANCE"])
      expect(await health(p, type)).toEqual({
        status: "HEALTHY",
        odd: [
          ["errorRate", "HEALTHY", few],
          ["errorRateOfStrangers", "HEALTHY", share],
        ],
      });
    expect(await health(p, "CONTINUOUS")).toMatchObject({
      status: "DEGRADED",
      odd: [
        ["errorRate", "HEALTHY", few],
        ["errorRateOfStrangers", "DEGRADED", share],
      ],
    });
    await p.drop();
  });

  test("those of the fleet's own requests do, until the code is replaced", async () => {
    const p = await base.clone();
    await fail(p, FRIEND);
    await fail(p, STRANGER);
    expect(await health(p, "ALL")).toMatchObject({
      status: "UNHEALTHY",
      odd: [["errorRate", "UNHEALTHY", "0.952 over 21 requests of the fleet"], expect.anything()],
    });
    expect((await p.load({ epoch: 2 })).output).toContain('"committed"');
    expect(await health(p, "CONTINUOUS")).toEqual({
      status: "HEALTHY",
      odd: [
        ["errorRate", "HEALTHY", few],
        ["errorRateOfStrangers", "HEALTHY", few],
      ],
    });
    await p.drop();
  });
});

describe("once", () => {
  const once = (p: Aos, data: object, correlation: string, from = STRANGER) =>
    p.send({ From: from, Action: "ADD_ONCE", Data: data, "Correlation-Id": correlation });

  test("returns the earlier reply to a repeat, without running again", async () => {
    const p = await base.clone();
    const first = await once(p, { by: 1 }, "x");
    const again = await once(p, { by: 99 }, "x");
    expect(again.reply?.data).toEqual(first.reply?.data);
    expect((await once(p, { by: 1 }, "x", FRIEND)).reply?.data.n).toBe(4);
    expect((await once(p, { by: 1 }, "y")).reply?.data.n).toBe(5);
    expect(
      (await p.send({ From: STRANGER, Action: "ADD", Data: { by: 1 }, "Correlation-Id": "x" })).reply?.data.n,
    ).toBe(6);
  });

  test("tries again after a refusal and after a fault, which changed nothing", async () => {
    const p = await base.clone();
    expect((await once(p, { by: 1, fail: "refused" }, "r")).reply?.data.error?.code).toBe("TOO_BAD");
    expect((await once(p, { by: 1 }, "r")).reply?.data.n).toBe(3);
    expect((await once(p, { by: 1, fail: "fault" }, "f")).reply?.data.error?.code).toBe("INTERNAL");
    for (const _ of [1, 2]) expect((await once(p, { by: 1 }, "f")).reply?.data.n).toBe(4);
  });

  test("keeps the latest 256 replies to a sender; an earlier request has none, and is not run again", async () => {
    const p = await base.clone();
    await once(p, { by: 1 }, "first");
    for (let i = 0; i < 255; i++) await once(p, { by: 1 }, `c${i}`);
    expect((await once(p, { by: 1 }, "first")).reply?.data.n).toBe(3);
    await once(p, { by: 1 }, "one more");
    expect((await once(p, { by: 1 }, "first")).reply?.data.error?.code).toBe("ALREADY_DONE");
    expect(await p.value("Fleet.store.states.counter.n")).toBe(259);
    expect(await p.value("Fleet.store.once.count")).toBe(256);
  });
});

describe("export and import", () => {
  const HARD = `
    local S = Fleet.store.states.counter
    S.odd = { [3] = "three", [-1] = "minus", x = "mixed", [1.5] = true }
    S.big, S.small, S.inf, S.float = math.maxinteger, math.mininteger, -math.huge, 0.1
    S.text = "\\0\\t\\"é\\u{1F600}"
    S.empty = { list = {}, map = Fleet.object() }
    S.__int = "not an escape"`;

  async function exported(p: Aos) {
    const reply = (await p.send({ Action: "EXPORT_STATE" })).reply?.data;
    return { state: reply?.state, digest: String(reply?.digest) };
  }
  const load = (p: Aos, data: object) => p.send({ Action: "IMPORT_STATE", Epoch: "1", Data: data });

  test("the digest is the sha256 of the canonical JSON, and a copy has the same", async () => {
    const from = await base.clone();
    await from.eval(HARD);
    const { state, digest } = await exported(from);
    expect(digest).toBe(sha256(canonicalJson(state)));
    const to = await base.clone();
    const done = await load(to, { state, digest });
    expect(done.reply?.data).toEqual({ success: true, digest });
    expect((await exported(to)).digest).toBe(digest);
    expect(
      await to.value(
        `(function() local S = Fleet.store.states.counter return { S.odd[3], S.odd[-1], S.odd[1.5], S.odd.x, S.big == math.maxinteger, S.inf == -math.huge, math.type(S.small) } end)()`,
      ),
    ).toEqual(["three", "minus", true, "mixed", true, true, "integer"]);
    expect((await add(to, { by: 1 })).reply?.data.n).toBe(3);
    expect(await to.value("Fleet.store.states.history")).toEqual([2, 1]);
  });

  // Processors differ in the sign of the NaN that a division makes, and the text of a NaN names it.
  test.each(["nan", "-nan"])(
    "a %s of another processor has the same digest after an import",
    async (text) => {
      const p = await base.clone();
      await p.eval("Fleet.store.states.counter.odd = 0 / 0");
      const given = await exported(p);
      const state = JSON.parse(JSON.stringify(given.state).replace(/"-?nan"/, JSON.stringify(text)));
      const digest = sha256(canonicalJson(state));
      expect((await load(p, { state, digest })).reply?.data).toEqual({ success: true, digest });
      expect(await exported(p)).toEqual({ state, digest });
    },
  );

  test.each([
    [
      "another digest",
      (e: { state: unknown; digest: string }) => ({ ...e, digest: "0".repeat(64) }),
      "DIGEST_MISMATCH",
    ],
    [
      "a changed state",
      (e: { state: unknown; digest: string }) => ({ ...e, state: { ...(e.state as object), x: 1 } }),
      "DIGEST_MISMATCH",
    ],
    ["no digest", (e: { state: unknown; digest: string }) => ({ state: e.state }), "INVALID_DATA"],
    ["another shape", () => ({ state: { a: 1 }, digest: sha256('{"a":1}') }), "BAD_STATE"],
    [
      "a state that is not a table",
      () => {
        const state = { schema: 1, stateVersion: "1", states: { counter: 5 } };
        return { state, digest: sha256(canonicalJson(state)) };
      },
      "BAD_STATE",
    ],
    [
      "a state that violates an invariant",
      () => {
        const state = {
          schema: 1,
          stateVersion: "1",
          states: { counter: { n: -1, nested: { list: [] }, byName: {} } },
        };
        return { state, digest: sha256(canonicalJson(state)) };
      },
      "INVARIANT_BROKEN",
    ],
    [
      "a shape of a later program",
      () => {
        const state = { schema: 1, stateVersion: "9", states: { counter: { n: 1 } } };
        return { state, digest: sha256(canonicalJson(state)) };
      },
      "NO_MIGRATION",
    ],
  ])("%s is refused and nothing changes", async (_what, change, code) => {
    const p = await base.clone();
    const before = await exported(p);
    const result = await load(p, change(before));
    expect(result.reply?.data.error?.code).toBe(code);
    expect(await exported(p)).toEqual(before);
  });

  test.each([
    ["a function", "counter.nested.f = print", "counter.nested.f is a function"],
    ["a name in bytes", "['b\\xff'] = {}", 'the list of states has the key "b\\xff"'],
  ])("state that cannot be moved is named: %s", async (_what, change, message) => {
    const p = await base.clone();
    expect(
      (await p.eval(`Fleet.store.states${change.startsWith("[") ? "" : "."}${change}`)).error,
    ).toBeUndefined();
    expect((await p.send({ Action: "EXPORT_STATE" })).reply?.data.error).toMatchObject({
      code: "EXPORT_UNSUPPORTED",
      message: expect.stringContaining(message),
    });
  });
});

describe("a load in place", () => {
  const VERSION = (migrations: string, invariant = "true") => `
    local fleet = require("fleet")
    fleet.process { name = "counter", version = "x" }
    local S = fleet.state("counter", { n = 0 })
    ${migrations}
    fleet.on("READ", { readonly = true }, function() return { n = S.n, total = S.total, log = S.log } end)
    fleet.invariant("sane", function() return ${invariant}, "it is not" end)`;
  const TWO = `fleet.migrate { from = "1", to = "2", up = function() S.total, S.n = S.n * 10, nil end, down = function() S.n, S.total = S.total // 10, nil end }`;
  const THREE = `${TWO} fleet.migrate { from = "2", to = "3", up = function() S.log = { S.total } end }`;
  const read = async (p: Aos) => (await p.send({ From: STRANGER, Action: "READ" })).reply?.data;

  test("keeps states, drops removed actions, migrates up and, for an earlier program, down", async () => {
    const p = await base.clone();
    await p.load({ epoch: 2, version: "2.0.0", source: VERSION(TWO) });
    expect(await read(p)).toEqual({ success: true, total: 20 });
    expect((await p.send({ From: STRANGER, Action: "ADD", Data: { by: 1 } })).reply?.data.error?.code).toBe(
      "UNKNOWN_ACTION",
    );
    const info = (await p.send({ Action: "Info" })).reply?.data;
    expect(info).toMatchObject({
      version: "2.0.0",
      stateVersion: "2",
      capabilities: [],
      peers: { friend: FRIEND },
    });
    const back = await p.load({ epoch: 3, version: "1.0.0", source: COUNTER });
    expect(JSON.parse(back.output)).toMatchObject({ fleet: "committed", migrations: 1 });
    expect((await add(p, { by: 1 })).reply?.data.n).toBe(3);
  });

  test("is undone completely if there is no migration down, an invariant breaks or the program fails", async () => {
    const p = await base.clone();
    await p.load({ epoch: 2, version: "3.0.0", source: VERSION(THREE) });
    expect(await read(p)).toEqual({ success: true, total: 20, log: [20] });
    const before = await states(p);
    for (const [source, text] of [
      [COUNTER, "NO_DOWN_MIGRATION"],
      [VERSION(THREE, "false"), "INVARIANT_BROKEN: sane: it is not"],
      [VERSION(`${THREE} S.n = 99 error("half way")`), "half way"],
      [
        VERSION(`fleet.migrate { from = "3", to = "4", up = function() S.total = 0 error("cannot") end }`),
        "cannot",
      ],
      [
        VERSION(THREE).replace("READ", "UPDATE_CONFIG"),
        "fleet.on UPDATE_CONFIG: this built-in action cannot be replaced",
      ],
      [VERSION(THREE).replace("readonly = true", 'who = "nobody"'), "unknown role in who: nobody"],
    ] as const) {
      const result = await p.load({ epoch: 3, version: "4.0.0", source });
      expect(result.error).toContain(text);
      expect(await read(p)).toEqual({ success: true, total: 20, log: [20] });
      expect(await states(p)).toEqual(before);
    }
    expect((await p.send({ Action: "Info" })).reply?.data).toMatchObject({ version: "3.0.0", epoch: 2 });
  });

  test("migrates nothing in a new process, which has the newest shape", async () => {
    const p = await boot("counter", { source: VERSION(THREE) });
    expect(await read(p)).toEqual({ success: true, n: 0 });
    expect((await p.send({ Action: "Info" })).reply?.data.stateVersion).toBe("3");
  });

  test("changes nothing with the same program", async () => {
    const p = await base.clone();
    const before = await states(p);
    await p.load({ source: COUNTER });
    await p.load({ source: COUNTER });
    expect(await states(p)).toEqual(before);
    expect((await add(p, { by: 1 })).reply?.data.n).toBe(3);
    expect(await p.value("#Handlers.list")).toBe(await base.value("#Handlers.list"));
  });

  test("contains an owner's Eval: a fault in it leaves the process unchanged", async () => {
    const p = await base.clone();
    expect((await p.eval("Fleet.store.states.counter.n = 77 error('no')")).error).toContain("no");
    expect((await add(p, { by: 1 })).reply?.data.n).toBe(3);
  });
});
