/** Processes on the device lua@5.3a: what would end one is refused, and one that is not computed any more is recognized. */
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openJournal } from "../../../src/ao/journal/index.ts";
import { connectMainnet, type MainnetLimits } from "../../../src/ao/mainnet/connect.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { DEVICE_TAG, LUA_DEVICE } from "../../../src/core/devices.ts";
import type { EvaluationInput } from "../../../src/localnet/evaluator.ts";
import { sqliteStore } from "../../../src/localnet/store/sqlite.ts";
import { tagValue } from "../../../src/localnet/types.ts";
import { createUnits, type UnitsOptions } from "../../../src/localnet/units/index.ts";
import { problemsOf } from "../../kit/failure.ts";
import { temporaryFolder } from "../../kit/folder.ts";
import { budgetWhile } from "../units.ts";
import { makeWallet } from "../wallets.ts";

const folder = temporaryFolder("lua-device");
const wallet = makeWallet();
const open: (() => Promise<void>)[] = [];
const loops: (() => void)[] = [];
afterEach(async () => {
  for (const end of loops.splice(0)) end();
  for (const close of open.splice(0).reverse()) await close();
});
let worlds = 0;

/** Answers each message; what names a function, or says that it dies, is an error that no Lua can catch, and what says that it loops has no end. */
const evaluator = {
  async evaluate({ memory, message }: EvaluationInput) {
    if (tagValue(message.Tags, "Loop") !== undefined) await new Promise<void>((end) => loops.push(end));
    if (tagValue(message.Tags, "Function") !== undefined || tagValue(message.Tags, "Die") !== undefined)
      throw new Error("undefined function");
    const result = { Output: "answered", Messages: [], Spawns: [], Assignments: [] };
    return { memory: memory ?? Buffer.from("x"), result };
  },
};

/** Waits for nothing before it judges. */
const AT_ONCE = { patience: 0, proofAfter: 0 };

interface WorldOptions extends Pick<UnitsOptions, "faults"> {
  readonly provesRuin?: boolean;
  readonly limits?: MainnetLimits;
}

async function world({ faults, provesRuin, limits: more }: WorldOptions = {}) {
  const store = sqliteStore(":memory:");
  const units = await createUnits({
    store,
    evaluator,
    devices: { [LUA_DEVICE]: evaluator },
    ...(faults && { faults }),
  });
  open.push(() => units.close());
  const journal = await openJournal(join(folder, `${worlds++}.jsonl`));
  open.push(() => journal.close());
  const endpoints = {
    nodeUrl: units.urls.node,
    gatewayUrl: units.urls.gateway,
    graphqlUrl: units.graphqlUrl,
    nodeAddress: units.nodeAddress,
    uploadUrl: units.urls.gateway,
  };
  const limits = { inFlight: 50, backoff: { base: 20, cap: 50 }, stuck: AT_ONCE, ...more };
  const ao = connectMainnet({ endpoints, wallet: await wallet, journal, limits, provesRuin });
  const tags = { "Data-Protocol": "ao", Type: "Module", Variant: "ao.N.1" };
  const module = await ao.publish({ intent: "module", tags, data: Buffer.from("wasm") }, budgetOf(20));
  const spawn = async (device?: string) => {
    const named = device === undefined ? {} : { [DEVICE_TAG]: device };
    const input = { intent: `spawn ${device}`, module: module.id, tags: { Name: "x", ...named } };
    return (await ao.spawn(input, budgetOf(20))).id;
  };
  let count = 0;
  const send = async (processId: string, more: Record<string, string> = {}) => {
    count += 1;
    const input = { intent: `say ${count}`, processId, tags: { Action: "Say", ...more } };
    return ao.send(input, budgetOf(20));
  };
  const result = async (processId: string, more: Record<string, string> = {}) =>
    ao.evaluation({ processId, messageId: (await send(processId, more)).id }, budgetOf(20));
  const started = () => store.processIds().length;
  return { ao, journal, spawn, send, result, store, units, started };
}

test("a tag that the device calls is refused before it is signed, in a message and in a dry run", async () => {
  const { ao, journal, spawn, result, send } = await world();
  const native = await spawn(LUA_DEVICE);
  const before = journal.history().length;
  const refused = await problemsOf(send(native, { function: "foo", Parameters: "1", X: "2" }));
  expect(refused.map(({ code, got }) => [code, got])).toEqual([
    ["TAGS_INVALID", "function"],
    ["TAGS_INVALID", "Parameters"],
  ]);
  const dry = await problemsOf(
    ao.dryrun({ processId: native, tags: { Action: "Say", Function: "f" } }, budgetOf(20)),
  );
  expect(dry[0]).toMatchObject({ code: "TAGS_INVALID", got: "Function" });
  expect(journal.history()).toHaveLength(before);
  expect(await result(native)).toMatchObject({ output: "answered" });
});

test("a process on another device gets such a tag", async () => {
  const { spawn, result } = await world();
  expect(await result(await spawn(), { Parameters: "1" })).toMatchObject({ output: "answered" });
});

test("a process that a message ended is stuck: named with the slot, for every message and dry run after it, and nothing is spawned", async () => {
  const { ao, spawn, send, result, started } = await world();
  const native = await spawn(LUA_DEVICE);
  await result(native);
  const stuck = {
    code: "PROCESS_STUCK",
    what: expect.stringMatching(/does not compute slot 2 of the process .* is not known/),
    got: expect.stringMatching(/^500 .*undefined function/),
    remedy: expect.stringContaining("npx fleet deploy --replace <member>"),
  };
  expect((await problemsOf(result(native, { Die: "1" })))[0]).toMatchObject(stuck);
  expect((await problemsOf(result(native)))[0]).toMatchObject(stuck);
  const dry = ao.dryrun({ processId: native, tags: { Action: "Info" } }, budgetOf(20));
  expect((await problemsOf(dry))[0]).toMatchObject(stuck);
  // A message still gets its slot, which is not the process' doing.
  expect(await send(native)).toMatchObject({ resent: false });
  expect(started()).toBe(1);
});

test("a process that fails while the node computes a new one is ruined, and once that is proved, nothing more is spawned", async () => {
  const { spawn, result, started } = await world({ provesRuin: true });
  const native = await spawn(LUA_DEVICE);
  await result(native);
  const ended = {
    code: "PROCESS_RUINED",
    what: expect.stringContaining("the message at slot 2 ended it"),
    got: expect.stringContaining("which computed the new process"),
  };
  expect(await problemsOf(result(native, { Die: "1" }))).toMatchObject([ended]);
  expect(await problemsOf(result(native))).toMatchObject([ended]);
  expect(started()).toBe(2);
});

/** A node that fails at every slot that was not computed when its outage began, and serves the others. */
function outage() {
  let store: ReturnType<typeof sqliteStore> | undefined;
  const before = new Map<string, number>();
  let failures = 0;
  return {
    begin(of: ReturnType<typeof sqliteStore>) {
      store = of;
      failures = 0;
      for (const id of of.processIds()) before.set(id, of.lastEvaluated(id));
    },
    end() {
      store = undefined;
    },
    failures: () => failures,
    faults: (async ({ request }) => {
      const [, id = "", slot] =
        /\/([\w-]{43})~process@1\.0\/(?:compute|as)[^/]*?(?:=(\d+))?\//.exec(request.url) ?? [];
      if (store === undefined || id === "") return undefined;
      const last = before.get(id) ?? -1;
      if (request.url.endsWith("/compute/at-slot") && last >= 0) return new Response(String(last));
      if (slot !== undefined && Number(slot) <= last) return undefined;
      failures += 1;
      return Response.json({ status: 500, body: "the store is full" }, { status: 500 });
    }) as NonNullable<UnitsOptions["faults"]>,
  };
}

test("a node that fails at every new slot ends no process, however long it lasts and whoever asks", async () => {
  const node = outage();
  const { spawn, send, ao, result, store } = await world({ faults: node.faults, provesRuin: true });
  const native = await spawn(LUA_DEVICE);
  await result(native);
  node.begin(store);
  const { id } = await send(native);
  for (let times = 0; times < 2; times += 1) {
    const [problem] = await problemsOf(ao.evaluation({ processId: native, messageId: id }, budgetOf(5)));
    expect(problem).toMatchObject({
      code: "PROCESS_STUCK",
      got: expect.stringContaining("no new process either"),
      remedy: expect.stringContaining("Nothing was replaced"),
    });
  }
  expect(node.failures()).toBeGreaterThan(5);
  node.end();
  expect(await ao.evaluation({ processId: native, messageId: id }, budgetOf(20))).toMatchObject({
    output: "answered",
  });
}, 90_000);

test("a process that is computed again by the time that a new one was computed is not ruined", async () => {
  const node = outage();
  let isOver = false;
  const { spawn, send, ao, result, store } = await world({
    provesRuin: true,
    faults: (call) => {
      // The outage ends when the new process is posted.
      if (call.endpoint === "node.push" && isOver) node.end();
      return node.faults(call);
    },
  });
  const native = await spawn(LUA_DEVICE);
  await result(native);
  node.begin(store);
  const { id } = await send(native);
  isOver = true;
  expect(await ao.evaluation({ processId: native, messageId: id }, budgetOf(20))).toMatchObject({
    output: "answered",
  });
  expect([node.failures() > 0, store.processIds().length]).toEqual([true, 2]);
});

test("waiting lasts for some time before a process is called stuck, and an outage that is shorter is not noticed", async () => {
  const node = outage();
  const { spawn, send, ao, result, store } = await world({
    faults: node.faults,
    limits: { stuck: { patience: 1500 } },
  });
  const native = await spawn(LUA_DEVICE);
  await result(native);
  node.begin(store);
  const { id } = await send(native);
  const found = ao.evaluation({ processId: native, messageId: id }, budgetOf(20));
  setTimeout(() => node.end(), 700);
  expect(await found).toMatchObject({ output: "answered" });
  expect(node.failures()).toBeGreaterThan(3);
});

test("an evaluation without an end is stuck within the time of one call; a new process shows that the node works, and the text says what is not known", async () => {
  for (const provesRuin of [false, true]) {
    const { spawn, result, send, ao } = await world({ provesRuin, limits: { callSeconds: 1 } });
    const native = await spawn(LUA_DEVICE);
    await result(native);
    const looping = send(native, { Loop: "1" });
    const { id } = await looping;
    const started = performance.now();
    const [problem] = await problemsOf(ao.evaluation({ processId: native, messageId: id }, budgetOf(60)));
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(problem).toMatchObject({
      code: provesRuin ? "PROCESS_RUINED" : "PROCESS_STUCK",
      what: expect.stringContaining(
        provesRuin ? "An evaluation without an end cannot be told from one that takes longer" : "slot 2",
      ),
      got: expect.stringContaining("no result for slot 2 within 1 s"),
    });
  }
}, 90_000);

test("a process on another device, and one whose node fails, may go on", async () => {
  let failures = 0;
  const text = { value: "" };
  const { ao, spawn, send, result } = await world({
    async faults({ endpoint }) {
      if (endpoint !== "node.compute" || failures === 0) return undefined;
      failures -= 1;
      return Response.json({ status: 500, body: text.value }, { status: 500 });
    },
  });
  const native = await spawn(LUA_DEVICE);
  for (const [value, times] of [
    ["{error,necessary_message_not_found}", 30],
    ["undefined function", 30],
  ] as const) {
    text.value = value;
    const { id } = await send(native);
    failures = times;
    const output = await ao.evaluation({ processId: native, messageId: id }, budgetOf(60));
    expect([output.output, failures]).toEqual(["answered", 0]);
  }
  const image = await spawn();
  let asked = 0;
  const failing = ao.evaluation(
    { processId: image, messageId: (await send(image, { Die: "1" })).id },
    // Longer than a process needs to be called stuck.
    budgetWhile(() => asked++ < 60),
  );
  expect((await problemsOf(failing))[0]?.code).toBe("BUDGET_SPENT");
  expect(await problemsOf(result(native, { Die: "1" }))).toMatchObject([{ code: "PROCESS_STUCK" }]);
});

test("a process is not called stuck while its node answers an error for every slot that is asked for by its number", async () => {
  let isFailing = false;
  let asked = 0;
  const { ao, spawn, send, result } = await world({
    async faults({ request }) {
      if (!isFailing || !/compute=\d/.test(request.url)) return undefined;
      asked += 1;
      return Response.json({ status: 500, body: "internal error" }, { status: 500 });
    },
  });
  const native = await spawn(LUA_DEVICE);
  const { id } = await send(native);
  isFailing = true;
  const failing = ao.evaluation(
    { processId: native, messageId: id },
    budgetWhile(() => asked < 60),
  );
  expect((await problemsOf(failing))[0]?.code).toBe("BUDGET_SPENT");
  isFailing = false;
  expect(await result(native)).toMatchObject({ output: "answered" });
});
