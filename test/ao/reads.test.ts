import { beforeEach, describe, expect, test } from "vitest";
import { connectLegacy, type LegacyLimits } from "../../src/ao/legacy/connect.ts";
import { scheduleAt } from "../../src/ao/mainnet/schedule.ts";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import {
  AUTHORITY,
  budgetWhile,
  MODULE,
  moduleNode,
  ok,
  page,
  type Reply,
  SCHEDULER,
  startUnits,
} from "./units.ts";

let ao: Ao;

const P = "p".repeat(43);
const M = "q".repeat(43);
const look = { processId: P, messageId: M };

function connect(limits: LegacyLimits = {}): Ao {
  const quick = { firstRead: 0, backoff: { base: 5, cap: 20, floor: 1 } };
  return connectLegacy({ endpoints: units.endpoints, wallet, journal, limits: { ...quick, ...limits } });
}

/** Answers the nth call for a result of the compute unit with the nth reply; the last one repeats. */
function results(...replies: (Reply | undefined)[]): void {
  units.script(({ endpoint, nth }) =>
    endpoint === "cu.result" ? replies[Math.min(nth, replies.length) - 1] : undefined,
  );
}

beforeEach(() => {
  ao = connect();
});

describe("evaluation", () => {
  test("returns output, outbox, spawns and gas", async () => {
    results({
      json: {
        Output: { data: "\u001b[32m42\u001b[0m", print: true, prompt: ">" },
        Messages: [{ Target: P, Tags: [{ name: "Action", value: "Hi" }], Data: "x", Anchor: "0001" }],
        Spawns: [{ Tags: [{ name: "Module", value: MODULE }], Data: { a: 1 } }],
        Assignments: [],
        GasUsed: 123,
      },
    });
    expect(await ao.evaluation(look, budgetOf(5))).toEqual({
      messageId: M,
      output: "42",
      messages: [{ target: P, tags: { Action: "Hi" }, data: "x", anchor: "0001" }],
      spawns: [{ target: "", tags: { Module: MODULE }, data: '{"a":1}' }],
      gasUsed: 123,
    });
    expect(units.requests[0]?.path).toBe(`/cu/result/${M}?process-id=${P}`);
  });

  test("returns a Lua error at once, without its colour codes", async () => {
    results({ json: { Error: '\u001b[31m[string "aos"]:3: boom\u001b[0m', Output: "", Messages: [] } });
    const { error, output } = await ao.evaluation({ ...look, expectOutput: true }, budgetOf(5));
    expect(error).toBe('[string "aos"]:3: boom');
    expect(output).toBe("");
  });

  // The behaviour of real units. The number is the behaviour's in the list of them.
  test.each<[string, Reply]>([
    ["1: a unit's own failure with status 200", { json: { error: "Could not load the process" } }],
    ["3: a process that the gateway does not show yet", gatewayLag()],
    ["6: 202, still evaluating", { status: 202, json: { message: "Evaluation of process is in progress." } }],
    ["500 in HTML", { status: 502, text: "<html><body><h1>502 Bad Gateway</h1></body></html>" }],
    ["200 in HTML", { text: "<html>captive portal</html>" }],
    ["JSON that is not an evaluation", { json: { hello: "world" } }],
    ["a list", { json: [] }],
    ["an outbox that is no list", { json: { Output: { data: "x" }, Messages: { first: { Target: P } } } }],
    ["JSON cut off by the server", { text: '{"Output":{"da' }],
    ["a connection cut in the middle of the body", { ...ok("cut"), cut: true }],
    ["a connection reset", "reset"],
    ["429 without Retry-After", { status: 429, json: { error: "Rate limit exceeded" } }],
    ["a temporary refusal", { status: 400, text: "" }],
  ])("rejects %s and accepts the next answer", async (_, reply) => {
    results(reply, reply, ok("right"));
    expect((await ao.evaluation(look, budgetOf(5))).output).toBe("right");
    expect(units.count("cu.result")).toBe(3);
  });

  test("2: treats an empty output of an Eval as not ready", async () => {
    const empty = { json: { Output: "", Messages: [], Spawns: [] } };
    results(empty, empty, ok("right"));
    expect((await ao.evaluation({ ...look, expectOutput: true }, budgetOf(5))).output).toBe("right");
    units.requests.length = 0;
    results(empty);
    expect((await ao.evaluation(look, budgetOf(5))).output).toBe("");
    expect(units.count("cu.result")).toBe(1);
  });

  test("2: delays only the first read of a fresh process", async () => {
    ao = connect({ firstRead: 1000 });
    const spawn = { intent: "s", module: MODULE, scheduler: SCHEDULER, authority: AUTHORITY, tags: {} };
    const { id } = await ao.spawn(spawn, budgetOf(5));
    const timed = async () => {
      const before = performance.now();
      await ao.evaluation({ processId: id, messageId: M, expectOutput: true }, budgetOf(5));
      return performance.now() - before;
    };
    expect(await timed()).toBeGreaterThan(900);
    await ao.send({ intent: "m", processId: id, tags: {} }, budgetOf(5));
    expect(await timed()).toBeLessThan(900);
  });

  test("reports a refusal as permanent after the third one", async () => {
    results({ status: 403, json: { error: `Access denied for process ${P}` } });
    const refusal = ao.evaluation(look, budgetOf(5));
    await expect(refusal).rejects.toMatchObject({ code: "UNIT_REFUSED", transient: false });
    await expect(refusal).rejects.toThrow("Access denied");
    expect(units.count("cu.result")).toBe(3);
  });

  test.each<[string, string, Reply]>([
    ["BUDGET_SPENT", "has no result yet", { status: 202, json: { message: "busy" } }],
    ["BUDGET_SPENT", "could not load", { status: 500, json: { error: "could not load" } }],
    ["PROCESS_UNKNOWN", "does not know the process", gatewayLag()],
    ["UNIT_NOT_AO", "captive portal", { text: "<p>captive portal</p>" }],
    ["UNIT_DOWN", "cannot be reached", "reset"],
    ["UNIT_SLOW", "did not answer in time", "hang"],
    ["RATE_LIMITED", "try again after 60 s", { status: 429, headers: { "retry-after": "60" } }],
  ])(
    "when the time is up, fails with %s and names the unit, the last answer and the time",
    async (code, text, reply) => {
      ao = connect({ callSeconds: reply === "hang" ? 0.1 : 10 });
      results(reply);
      const refusal = ao.evaluation(
        look,
        budgetWhile(() => units.requests.length < 4),
      );
      await expect(refusal).rejects.toMatchObject({ code, transient: true });
      await expect(refusal).rejects.toThrow(text);
      await expect(refusal).rejects.toThrow("within 0.3 s");
    },
  );

  test("obeys Retry-After, in seconds", async () => {
    results({ status: 429, headers: { "retry-after": "1" } }, ok("right"));
    const before = performance.now();
    expect((await ao.evaluation(look, budgetOf(5))).output).toBe("right");
    expect(performance.now() - before).toBeGreaterThan(950);
  });

  test("asks a unit that hangs again after the time of one call", async () => {
    ao = connect({ callSeconds: 0.1 });
    results("hang", ok("right"));
    expect((await ao.evaluation(look, budgetOf(5))).output).toBe("right");
  });

  test("fails with UNIT_DOWN and the address when nothing listens", async () => {
    const dead = await startUnits();
    await dead.close();
    ao = connectLegacy({ endpoints: dead.endpoints, wallet, journal });
    const refusal = ao.evaluation(look, budgetOf(0.3));
    await expect(refusal).rejects.toMatchObject({ code: "UNIT_DOWN" });
    await expect(refusal).rejects.toThrow(dead.endpoints.cuUrl);
    await expect(refusal).rejects.toThrow("ECONNREFUSED");
  });
});

test("awaitReady waits for the result of the boot", async () => {
  results(gatewayLag(), { json: { Output: "", Messages: [] } });
  await ao.awaitReady(P, budgetOf(5));
  expect(units.requests.map(({ path }) => path)).toEqual(Array(2).fill(`/cu/result/${P}?process-id=${P}`));
});

test("a client never exceeds a unit's limit of concurrent calls", async () => {
  let now = 0;
  let most = 0;
  units.script(async ({ endpoint }) => {
    if (endpoint !== "cu.result") return undefined;
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now -= 1;
    return ok("ok");
  });
  ao = connect({ concurrency: 3 });
  await Promise.all(Array.from({ length: 20 }, () => ao.evaluation(look, budgetOf(10))));
  expect(most).toBe(3);
});

describe("dryrun", () => {
  test("9: is unique each time, and carries the wallet's address", async () => {
    await ao.dryrun({ processId: P, tags: { Action: "Info" } }, budgetOf(5));
    await ao.dryrun({ processId: P, tags: { Action: "Info" } }, budgetOf(5));
    const bodies = units.requests.map(({ body }) => JSON.parse(body.toString()));
    expect(bodies[0]).toMatchObject({ Owner: wallet.address, Target: P });
    expect(bodies[0].Tags).toContainEqual({ name: "Action", value: "Info" });
    expect(bodies[0]).not.toEqual(bodies[1]);
  });

  test("9: waits when the unit limits the rate", async () => {
    units.script(({ endpoint, nth }) =>
      endpoint === "cu.dryrun" && nth === 1
        ? { status: 429, json: { error: "Rate limit exceeded" } }
        : undefined,
    );
    expect((await ao.dryrun({ processId: P, tags: {} }, budgetOf(5))).output).toBe("ok");
  });
});

test("results reads page by page with cursors and skips messages without a result", async () => {
  const node = (data: string) => ({ Output: { data }, Messages: [] });
  units.script(({ endpoint }) =>
    endpoint === "cu.results"
      ? {
          json: {
            pageInfo: { hasNextPage: true },
            edges: [
              { cursor: "c1", node: { ...node("one"), messageId: M } },
              { cursor: "c2", node: node("two") },
              { cursor: "c3", node: null },
            ],
          },
        }
      : undefined,
  );
  const { items, next } = await ao.results(
    { processId: P, cursor: "c0", limit: 3, newestFirst: true },
    budgetOf(5),
  );
  expect(items.map(({ output, cursor, messageId }) => ({ output, cursor, messageId }))).toEqual([
    { output: "one", cursor: "c1", messageId: M },
    { output: "two", cursor: "c2", messageId: "" },
  ]);
  expect(next).toBe("c3");
  expect(units.requests[0]?.path).toBe(`/cu/results/${P}?sort=DESC&limit=3&from=c0`);
});

describe("find", () => {
  const node = (n: number) => ({ ...moduleNode, id: `id-${n}`, block: n % 2 ? null : moduleNode.block });
  const asked = () => units.requests.map(({ body }) => JSON.parse(body.toString()).variables);

  test("reads page by page up to the limit, each item once", async () => {
    units.script(({ nth }) => ({ json: page([node(nth), node(nth + 1), node(nth + 2)], true, `p${nth}.`) }));
    const items = await ao.find(
      { tags: { "App-Name": "x", Type: ["A", "B"] }, owners: ["o"], limit: 5 },
      budgetOf(5),
    );
    expect(items.map(({ id }) => id)).toEqual(["id-1", "id-2", "id-3", "id-4", "id-5"]);
    expect(asked()[0]).toEqual({
      owners: ["o"],
      first: 5,
      tags: [
        { name: "App-Name", values: ["x"] },
        { name: "Type", values: ["A", "B"] },
      ],
    });
    expect(asked()[1]).toMatchObject({ first: 2, after: "p1.2" });
    expect(items[0]).toMatchObject({ owner: moduleNode.owner.address, tags: { Type: "Module" } });
    expect(items[0]).not.toHaveProperty("block");
    expect(items[1]?.block).toEqual({ height: 1, timestamp: 2 });
  });

  test.each<[string, unknown]>([
    ["an error", { errors: [{ message: "busy" }], data: null }],
    ["an error next to an empty list", { errors: [{ message: "a shard timed out" }], ...page([]) }],
    ["a list that does not say whether it is complete", { data: { transactions: { edges: [] } } }],
    ["a list that others follow, without a way to them", page([], true)],
  ])("concludes nothing from %s", async (_, json) => {
    units.script(({ nth }) => ({ json: nth === 1 ? json : page([node(1)]) }));
    expect(await ao.find({ ids: ["id-1"] }, budgetOf(5))).toHaveLength(1);
  });

  test("does not end at a page that leads to itself", async () => {
    units.script(({ nth }) => ({ json: page([node(Math.min(nth, 3))], nth < 3, nth < 3 ? "same" : "next") }));
    expect((await ao.find({ tags: { "App-Name": "x" } }, budgetOf(5))).map(({ id }) => id)).toEqual([
      "id-1",
      "id-3",
    ]);
  });
});

describe("the message order", () => {
  // Compute units take the sender from the first of two tags, and aos the action from the last: what the process saw.
  const tags = [
    { name: "Action", value: "Info" },
    { name: "Action", value: "Hi" },
    { name: "From-Process", value: P },
    { name: "From-Process", value: M },
  ];
  const order = [{ name: "Nonce", value: "3" }];
  const range = { processId: P, from: 3, to: 3 };
  const entry = { slot: 3, messageId: M, from: P, action: "Hi", tags: { Action: "Info", "From-Process": P } };
  /** The spawn of the receiver, which names two authorities. */
  const spawnTags = [
    { name: "Authority", value: "another" },
    { name: "Authority", value: AUTHORITY },
  ];
  const spawn = { process_id: P, tags: spawnTags };
  const entryAt = (nonce: number) => ({
    message: { id: M, owner: { address: "w" }, tags },
    assignment: { id: "a", tags: [{ name: "Nonce", value: String(nonce) }] },
  });
  const orderOf = (entries: readonly ReturnType<typeof entryAt>[], has_next_page = false) => ({
    json: { page_info: { has_next_page }, edges: entries.map((node) => ({ cursor: "c", node })) },
  });
  const noEntries = orderOf([]);
  // Anybody can write `From-Process`: without an authority's signature it is only a claim.
  const forged = { ...entry, from: "stranger", claims: P };

  test("names the first of two senders and the last of two actions, from a scheduler unit", async () => {
    for (const [address, expected] of [
      [AUTHORITY, entry],
      ["stranger", forged],
    ] as const) {
      const message = { id: M, owner: { address }, tags, data: "x" };
      const node = { message, assignment: { id: "a", tags: order } };
      const json = { page_info: { has_next_page: false }, edges: [{ cursor: "3", node }] };
      units.script(({ endpoint }) =>
        endpoint === "su.range" ? { json } : endpoint === "su.process" ? { json: spawn } : undefined,
      );
      expect(await ao.range(range, budgetOf(5))).toMatchObject([expected]);
    }
  });

  test("names the first of two senders and the last of two actions, from a node", async () => {
    for (const [owner, expected] of [
      [AUTHORITY, entry],
      ["stranger", forged],
    ] as const) {
      const edge = (cursor: number, message: object) => ({
        cursor,
        node: { message: { Id: M, Owner: owner, Data: "x", ...message }, assignment: { Tags: order } },
      });
      const ask = async ({ path }: { path: string }) => {
        const json = {
          edges: [path.includes("from=0") ? edge(0, { Tags: spawnTags }) : edge(3, { Tags: tags })],
        };
        return {
          status: 200,
          ok: true,
          headers: {},
          text: "",
          excerpt: "",
          json,
          clock: undefined,
          isCached: false,
        };
      };
      const schedule = scheduleAt({ name: "node", url: "http://node", ask });
      expect(await schedule.range(range, budgetOf(5))).toMatchObject([expected]);
    }
  });

  test("names them of a message that was uploaded and assigned", async () => {
    const assignment = { id: "a", tags: [...order, { name: "Message", value: M }] };
    const json = { page_info: { has_next_page: false }, edges: [{ cursor: "3", node: { assignment } }] };
    const item = { ...moduleNode, id: M, owner: { address: AUTHORITY }, tags };
    units.script(({ endpoint }) => {
      if (endpoint === "su.range") return { json };
      if (endpoint === "su.process") return { json: spawn };
      if (endpoint === "graphql") return { json: page([item]) };
      return endpoint === "data" ? { text: "x" } : undefined;
    });
    expect(await ao.range(range, budgetOf(5))).toMatchObject([entry]);
  });

  test.each([
    ["another process", `other-${"x".repeat(37)}`, { sentTo: `other-${"x".repeat(37)}` }],
    ["this process", P, {}],
    ["no process, as an upload", "", {}],
  ])("says of an assigned message whether it was sent to %s", async (_what, recipient, expected) => {
    const assignment = { id: "a", tags: [...order, { name: "Message", value: M }] };
    const json = { page_info: { has_next_page: false }, edges: [{ cursor: "3", node: { assignment } }] };
    const item = { ...moduleNode, id: M, owner: { address: AUTHORITY }, recipient, tags };
    units.script(({ endpoint }) => {
      if (endpoint === "su.range") return { json };
      if (endpoint === "su.process") return { json: spawn };
      if (endpoint === "graphql") return { json: page([item]) };
      return endpoint === "data" ? { text: "x" } : undefined;
    });
    const [found] = await ao.range(range, budgetOf(5));
    expect({ sentTo: found?.sentTo }).toEqual({ sentTo: undefined, ...expected });
    const message = { Id: M, Owner: "w", Target: recipient, Data: "x", Tags: [] };
    const edge = { cursor: 3, node: { message, assignment: { Tags: order } } };
    const answer = {
      status: 200,
      ok: true,
      headers: {},
      text: "",
      excerpt: "",
      clock: undefined,
      isCached: false,
    };
    const schedule = scheduleAt({
      name: "node",
      url: "http://node",
      ask: async () => ({ ...answer, json: { edges: [edge] } }),
    });
    const [shown] = await schedule.range(range, budgetOf(5));
    expect({ sentTo: shown?.sentTo }).toEqual({ sentTo: undefined, ...expected });
  });

  test("does not end at a page that does not say whether it is the last", async () => {
    units.script(({ endpoint }) => (endpoint === "su.range" ? { json: { edges: [] } } : undefined));
    await expect(
      ao.range(
        range,
        budgetWhile(() => units.count("su.range") < 2),
      ),
    ).rejects.toMatchObject({ code: "UNIT_NOT_AO" });
  });

  test.each<[string, Reply]>([
    ["an object without an entry", { json: {} }],
    ["a proxy's failure", { status: 502, text: "<h1>Bad Gateway</h1>" }],
  ])("is read again after %s", async (_, reply) => {
    const node = { message: { id: M, owner: { address: "w" }, tags }, assignment: { id: "a", tags: order } };
    const json = { page_info: { has_next_page: false }, edges: [{ cursor: "3", node }] };
    units.script(({ endpoint, nth, path }) => {
      if (endpoint === "su.process") return { json: spawn };
      if (endpoint !== "su.message" && endpoint !== "su.range") return undefined;
      if (nth === 1) return reply;
      return { json: path.endsWith("/latest") ? node : json };
    });
    expect(await ao.latest(P, budgetOf(5))).toBe(3);
    expect(await ao.range(range, budgetOf(5))).toMatchObject([{ messageId: M }]);
    expect([units.count("su.message"), units.count("su.range")]).toEqual([2, 2]);
  });

  test.each<[string, Reply]>([
    ["its store fails", { status: 400, json: { error: "DatabaseError(PoolTimeout)" } }],
    ["a proxy answers 404", { status: 404, text: "<h1>404 Not Found</h1>" }],
    ["the newest entry has no place", { json: { message: null, assignment: { id: "a", tags: [] } } }],
    [
      "an older answer comes from a cache",
      { status: 400, json: { error: "Latest message not available" }, headers: { age: "30" } },
    ],
  ])("is neither missing nor empty while %s", async (_, reply) => {
    const node = { message: { id: M, owner: { address: "w" }, tags }, assignment: { id: "a", tags: order } };
    units.script(({ endpoint, nth }) => {
      if (endpoint === "su.process") return { json: spawn };
      return endpoint === "su.message" ? (nth === 1 ? reply : { json: node }) : undefined;
    });
    expect(await ao.latest(P, budgetOf(5))).toBe(3);
  });

  test("is empty or missing if the unit says so", async () => {
    const newest = { status: 400, json: { error: "Latest message not available" } };
    const unplaced = { error: 'Json error: JsonError("Process does not contain an assignment")' };
    const absent = { status: 400, json: { error: 'NotFound("Process not found")' } };
    for (const [latest, process, expected] of [
      [newest, { json: spawn }, 0],
      [{ status: 400, json: unplaced }, { json: spawn }, 0],
      [newest, absent, undefined],
    ] as const) {
      units.script(
        ({ endpoint }) => ({ "su.process": process, "su.range": noEntries })[endpoint as string] ?? latest,
      );
      expect(await ao.latest(P, budgetOf(5))).toBe(expected);
    }
  });

  test.each<[string, Reply]>([
    ["the order has a message", orderOf([entryAt(3)])],
    ["the order has more than it shows", orderOf([entryAt(0)], true)],
    ["a cache shows an empty order", { ...noEntries, headers: { age: "30" } }],
    ["a proxy answers for the order", { status: 404, text: "<h1>404 Not Found</h1>" }],
  ])("is not empty because the unit names no latest message, while %s", async (_, reply) => {
    const newest = { status: 400, json: { error: "Latest message not available" } };
    units.script(({ endpoint, nth }) => {
      if (endpoint === "su.process") return { json: spawn };
      if (endpoint === "su.range") return reply;
      return nth === 1 ? newest : { json: entryAt(3) };
    });
    expect(await ao.latest(P, budgetOf(5))).toBe(3);
    expect(units.requests.map(({ headers }) => headers["cache-control"])).toEqual(Array(4).fill("no-cache"));
  });

  test("does not end at a page without entries that others follow", async () => {
    const json = { page_info: { has_next_page: true }, edges: [] };
    units.script(({ endpoint }) => (endpoint === "su.range" ? { json } : undefined));
    await expect(ao.range(range, budgetOf(5))).rejects.toMatchObject({
      code: "UNIT_NOT_AO",
      transient: true,
    });
  });

  test("is refused with the unit's answer, not with an error of the program, while it has another shape", async () => {
    units.script(({ endpoint }) => (endpoint === "su.message" ? { json: {} } : undefined));
    const given = ao.latest(
      P,
      budgetWhile(() => units.count("su.message") < 2),
    );
    await expect(given).rejects.toMatchObject({ code: "UNIT_NOT_AO" });
  });
});

test("data returns the bytes, and waits for what the gateway does not have yet", async () => {
  units.script(({ nth }) => (nth === 1 ? { status: 404, text: "Not Found" } : { text: "héllo" }));
  expect(Buffer.from(await ao.data(M, budgetOf(5))).toString()).toBe("héllo");
  units.script(() => ({ status: 404, text: "Not Found" }));
  await expect(
    ao.data(
      M,
      budgetWhile(() => units.requests.length < 4),
    ),
  ).rejects.toThrow(`does not have the data of ${M}`);
});

/** A function declaration, because the tables above use it before this line. */
function gatewayLag(): Reply {
  return { status: 500, json: { error: "Cannot read properties of undefined (reading 'tags')" } };
}
