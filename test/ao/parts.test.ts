import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unitDown } from "../../src/ao/errors.ts";
import { looksLikeInbox } from "../../src/ao/inbox.ts";
import { endpointsOf } from "../../src/ao/legacy/endpoints.ts";
import { limiterOf } from "../../src/ao/limiter.ts";
import { nodeEndpointsOf } from "../../src/ao/mainnet/endpoints.ts";
import { NetworkRefSchema, resolveNetwork } from "../../src/ao/network.ts";
import { backoffOf, retrying, type Wait } from "../../src/ao/retry.ts";
import { excerptOf, retryAfterOf } from "../../src/ao/shared/http.ts";
import { RecentTimes } from "../../src/ao/shared/recent-times.ts";
import { authoritiesIn, claimedChain, claimedSender, withSenders } from "../../src/ao/shared/senders.ts";
import { evaluationIn, outputText } from "../../src/ao/shared/shapes.ts";
import { actionOf, tagsOf } from "../../src/ao/shared/tags.ts";
import { Turns } from "../../src/ao/shared/turns.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";

describe("retry", () => {
  test("keeps every wait within its bounds, however many attempts", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (tries) => {
        const wait = backoffOf(tries, { base: 100, cap: 2000, floor: 10 });
        return wait >= 10 && wait <= Math.min(2000, 100 * 2 ** (tries - 1)) + 10;
      }),
    );
  });

  test("passes bugs and permanent errors on at the first attempt", async () => {
    let tries = 0;
    const failing = (error: Error) => {
      tries = 0;
      return retrying("it", budgetOf(5), async () => {
        tries += 1;
        throw error;
      });
    };
    await expect(failing(new TypeError("bug"))).rejects.toThrow(TypeError);
    expect(tries).toBe(1);
    const permanent = new FleetError({ code: "X", what: "no", remedy: "none" });
    await expect(failing(permanent)).rejects.toBe(permanent);
    expect(tries).toBe(1);
  });

  test("tells an observer what waits, for how long, and how the latest attempt failed", async () => {
    const seen: Wait[] = [];
    let tries = 0;
    const backoff = { base: 1, cap: 2, floor: 1, observe: (wait: Wait) => void seen.push(wait) };
    const down = () => unitDown("scheduler unit", "http://su", new Error("ECONNREFUSED"));
    const work = async () => {
      tries += 1;
      if (tries < 3) throw down();
      return "done";
    };
    expect(await retrying("sending it", budgetOf(5), work, backoff)).toBe("done");
    expect(seen).toHaveLength(2);
    for (const { what, last, waited, left } of seen) {
      expect([what, last?.code, last?.what]).toEqual([
        "sending it",
        "UNIT_DOWN",
        "The scheduler unit at http://su cannot be reached.",
      ]);
      expect(waited + left).toBeLessThanOrEqual(5000);
    }
    seen.length = 0;
    expect(await retrying("at once", budgetOf(5), async () => 1, backoff)).toBe(1);
    expect(seen).toEqual([]);
  });

  test("does not start without time left", async () => {
    const refusal = retrying("the work", budgetOf(0), async () => expect.fail("was begun"));
    await expect(refusal).rejects.toMatchObject({ code: "BUDGET_SPENT", transient: true });
  });

  test("reads Retry-After as seconds or as a date", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(retryAfterOf("3", now)).toBe(3000);
    expect(retryAfterOf("Thu, 01 Jan 2026 00:00:05 GMT", now)).toBe(5000);
    expect(retryAfterOf("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
    expect(retryAfterOf("soon", now)).toBeUndefined();
    expect(retryAfterOf(null, now)).toBeUndefined();
  });
});

describe("limiter", () => {
  const full = () => new Error("full");

  test("keeps the order, frees slots after failures, and stops waiting when the time is up", async () => {
    const limiter = limiterOf(1);
    const order: number[] = [];
    let release = () => {};
    const first = limiter.run(1000, () => new Promise<void>((resolve) => (release = resolve)), full);
    const impatient = limiter.run(10, async () => order.push(0), full);
    const second = limiter.run(
      1000,
      async () => {
        order.push(1);
        throw new Error("failed");
      },
      full,
    );
    const third = limiter.run(1000, async () => order.push(2), full);
    await expect(impatient).rejects.toThrow("full");
    release();
    await expect(second).rejects.toThrow("failed");
    await Promise.all([first, third]);
    expect(order).toEqual([1, 2]);
    expect(await limiter.run(0, async () => "free", full)).toBe("free");
  });
});

describe("turns", () => {
  test("run one task after another, and never one whose wait has ended", async () => {
    const turns = new Turns();
    const ran: string[] = [];
    let release = () => {};
    const first = turns.run("a", "one", budgetOf(5), () => new Promise<void>((done) => (release = done)));
    const note = (name: string) => async () => void ran.push(name);
    const late = turns.run("a", "sending it", budgetOf(0.02), note("late"));
    const next = turns.run("a", "two", budgetOf(5), note("next"));
    await turns.run("b", "other", budgetOf(0), note("other id"));
    await expect(late).rejects.toMatchObject({ code: "BUDGET_SPENT", transient: true });
    expect(turns.has("a")).toBe(true);
    release();
    await Promise.all([first, next]);
    expect(ran).toEqual(["other id", "next"]);
    expect([turns.has("a"), turns.has("b")]).toEqual([false, false]);
  });
});

test("times that no longer matter are forgotten", () => {
  const times = new RecentTimes(100);
  for (let n = 0; n < 1000; n += 1) times.note(`id-${n}`, n * 10);
  times.note("id-990", 10_000);
  expect(times.size).toBe(10);
  expect([times.of("id-0"), times.of("id-990"), times.of("id-999")]).toEqual([undefined, 10_000, 9990]);
});

describe("shapes", () => {
  test.each([
    ["a string", "plain", "plain"],
    ["aos 2", { data: "two", print: true, prompt: "x" }, "two"],
    ["aos 1", { data: { output: "one", json: "undefined", prompt: "x" } }, "one"],
    ["a print", { output: "printed" }, "printed"],
    ["a number", { data: 7 }, "7"],
    ["colours", "\u001b[1;31mred\u001b[0m", "red"],
    ["nothing", undefined, ""],
    ["null", { data: null }, ""],
    ["an empty Lua table", [], ""],
    ["an object without text", { data: { json: {} } }, ""],
  ])("reads the output of %s", (_, output, text) => expect(outputText(output)).toBe(text));

  test("accepts an evaluation with at least one member, and never a list or a string", () => {
    for (const no of [undefined, null, "x", 1, [], {}, { error: "x" }])
      expect(evaluationIn(no, "m")).toBeUndefined();
    expect(evaluationIn({ Messages: {} }, "m")).toEqual({
      messageId: "m",
      output: "",
      messages: [],
      spawns: [],
    });
    expect(evaluationIn({ Output: "", Error: { a: 1 } }, "m")?.error).toBe('{"a":1}');
    expect(evaluationIn({ Output: "", Error: "" }, "m")).not.toHaveProperty("error");
    expect(evaluationIn({ Output: "", GasUsed: "12" }, "m")?.gasUsed).toBe(12);
  });

  test("takes the first of two tags with the same name, whatever the name", () => {
    const tags = [
      { name: "A", value: "1" },
      { name: "A", value: "2" },
      { name: "constructor", value: "3" },
    ];
    expect(tagsOf(tags)).toEqual({ A: "1", constructor: "3" });
  });

  test("takes the signer for the sender unless an authority of the receiver pushed the message", async () => {
    const sender = (...values: string[]) =>
      claimedSender(
        values.map((value) => ({ name: "From-Process", value })),
        "o",
      );
    expect([sender("p", "q"), sender(), sender(""), sender("o")]).toEqual([
      { from: "o", claims: "p" },
      ...Array(3).fill({ from: "o" }),
    ]);
    const message = { slot: 1, messageId: "m", timestamp: 0, action: "", tags: {}, data: "" };
    const judged = (...authorities: string[]) =>
      withSenders([{ ...message, ...sender("p") }], async () => new Set(authorities));
    expect(await judged("other", "o")).toEqual([{ ...message, from: "p" }]);
    expect(await judged("p")).toEqual([{ ...message, from: "o", claims: "p" }]);
    const unasked = () => Promise.reject(new Error("must not be read"));
    expect(await withSenders([{ ...message, ...sender() }], unasked)).toEqual([{ ...message, from: "o" }]);
    // The chain counts only if an authority pushed the message; a messenger's tag is the last one.
    const chain = claimedChain(["own", "chain"].map((value) => ({ name: "Pushed-For", value })));
    const ofProgram = claimedChain(["Pushed-For", "From-Module"].map((name) => ({ name, value: "own" })));
    expect([chain, ofProgram, claimedChain([])]).toEqual([{ pushedFor: "chain" }, {}, {}]);
    const chained = (claims: object, ...authorities: string[]) =>
      withSenders([{ ...message, from: "o", ...claims, ...chain }], async () => new Set(authorities));
    expect(await chained({ claims: "p" }, "o")).toEqual([{ ...message, from: "p", pushedFor: "chain" }]);
    expect(await chained({ claims: "p" }, "p")).toEqual([{ ...message, from: "o", claims: "p" }]);
    expect(await chained({}, "o")).toEqual([{ ...message, from: "o" }]);
    const authority = (name: string, value: string) => ({ name, value });
    expect(
      authoritiesIn([authority("Authority", "a"), authority("authority", "b, c"), authority("X", "d")]),
    ).toEqual(new Set(["a", "b", "c"]));
  });

  test("takes the last of two actions, as aos does", () => {
    const action = (value: string) => ({ name: "Action", value });
    expect(actionOf([action("Info"), action("Eval")])).toBe("Eval");
    expect(actionOf([{ name: "Type", value: "Process" }])).toBe("(spawn)");
    expect(actionOf([{ name: "Type", value: "Process" }, action("")])).toBe("");
    expect(actionOf([])).toBe("");
  });

  test("makes an excerpt short, on one line, without markup", () => {
    const html = "<html><style>b { x }</style><h1>502</h1>\n <p>Bad  Gateway</p></html>";
    expect(excerptOf(html)).toBe("502 Bad Gateway");
    expect(excerptOf("x".repeat(10_000))).toHaveLength(301);
  });

  test("tells a message in the inbox from an answer", () => {
    expect(looksLikeInbox({ output: "New Message From abc...xyz: Action = Eval" })).toBe(true);
    expect(looksLikeInbox({ output: "2" })).toBe(false);
    expect(looksLikeInbox({ output: "New Message From abc", error: "boom" })).toBe(false);
  });
});

test("a crash point that is not armed does nothing", () => {
  const before = process.env.FLEET_CRASH_AT;
  try {
    for (const armed of [undefined, "", "ao.other", "ao.after-sign:2"]) {
      if (armed === undefined) delete process.env.FLEET_CRASH_AT;
      else process.env.FLEET_CRASH_AT = armed;
      expect(() => crashPoint("ao.after-sign")).not.toThrow();
    }
  } finally {
    if (before === undefined) delete process.env.FLEET_CRASH_AT;
    else process.env.FLEET_CRASH_AT = before;
  }
});

describe("network", () => {
  const local = async (dir: string) => ({
    ...{
      gatewayUrl: `http://${dir}`,
      graphqlUrl: "g",
      muUrl: "m",
      cuUrl: "c",
      scheduler: "s",
      authority: "a",
    },
    pid: 1,
  });

  test("gives a legacy network the well-known defaults, and its index below its gateway", async () => {
    const known = await resolveNetwork({ kind: "legacy" }, local);
    expect(known.kind).toBe("legacy");
    expect(known.units.graphqlUrl).toBe("https://arweave.net/graphql");
    expect(known.units.scheduler).toBe("_GQ33BkPtZrqxA84vM8Zk-N2aO0toNNu_C-l-rawrBA");
    const own = await resolveNetwork(
      { kind: "legacy", gatewayUrl: "http://localhost:1/", muUrl: "http://x:2" },
      local,
    );
    expect(own.units).toMatchObject({ graphqlUrl: "http://localhost:1/graphql", muUrl: "http://x:2" });
  });

  test("gives a mainnet network the default node, and leaves scheduler and authority to it", async () => {
    const known = await resolveNetwork({ kind: "mainnet" }, local);
    expect([known.kind, known.protocol]).toEqual(["mainnet", "mainnet"]);
    expect(nodeEndpointsOf(known)).toEqual({
      nodeUrl: "https://push.forward.computer",
      gatewayUrl: "https://arweave.net",
      graphqlUrl: "https://arweave.net/graphql",
    });
    const scheduler = "s".repeat(43);
    const own = nodeEndpointsOf(
      await resolveNetwork({ kind: "mainnet", nodeUrl: "http://n", scheduler }, local),
    );
    expect(own).toMatchObject({ nodeUrl: "http://n", scheduler });
  });

  test("asks a local network for its endpoints and takes nothing else", async () => {
    const { units } = await resolveNetwork({ kind: "local", dir: "here" }, local);
    expect(units.gatewayUrl).toBe("http://here");
    expect(units).not.toHaveProperty("pid");
  });

  test("gives the adapter of a node the node of a local network, and its address as scheduler and authority", async () => {
    const ref = { kind: "local", dir: "here", protocol: "mainnet" } as const;
    const node = async () => ({ ...(await local("here")), nodeUrl: "http://n", nodeAddress: "address" });
    const here = await resolveNetwork(ref, node);
    expect(here.protocol).toBe("mainnet");
    expect(nodeEndpointsOf(here)).toEqual({
      ...{ nodeUrl: "http://n", gatewayUrl: "http://here", graphqlUrl: "g", uploadUrl: "http://here" },
      ...{ nodeAddress: "address", scheduler: "address", authority: "address" },
    });
    expect((await resolveNetwork({ kind: "local", dir: "here" }, node)).protocol).toBe("legacy");
  });

  test("gives the adapter the units in its own words, and no unit that the network lacks", async () => {
    const here = await resolveNetwork({ kind: "local", dir: "here", maxMessageBytes: 30_000 }, local);
    const own = { ...(await local("here")), uploadUrl: "http://here", maxMessageBytes: 30_000 };
    expect(endpointsOf(here)).toEqual({ ...own, pid: undefined });
    const far = endpointsOf(await resolveNetwork({ kind: "legacy" }, local));
    expect(far.maxMessageBytes).toBe(10_000_000);
    for (const absent of ["suUrl", "uploadUrl"]) expect(far).not.toHaveProperty(absent);
    expect(() => endpointsOf({ units: { gatewayUrl: "g" }, maxMessageBytes: 1 })).toThrow("muUrl");
  });

  test.each([
    { kind: "legacy", muUrl: "ftp://x" },
    { kind: "legacy", scheduler: "short" },
    { kind: "legacy", muURL: "http://x" },
    { kind: "local", dir: "" },
    { kind: "mainnet", nodeUrl: "ftp://x" },
    { kind: "mainnet", muUrl: "http://x" },
    { kind: "testnet" },
  ])("refuses %o", (ref) => expect(NetworkRefSchema.safeParse(ref).success).toBe(false));
});
