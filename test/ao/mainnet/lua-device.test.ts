/** Processes on the device lua@5.3a: what would end one is refused, and one that ended is recognized. */
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openJournal } from "../../../src/ao/journal/index.ts";
import { connectMainnet } from "../../../src/ao/mainnet/connect.ts";
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
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
let worlds = 0;

/** Answers each message; what names a function, or says that it dies, is an error that no Lua can catch. */
const evaluator = {
  async evaluate({ memory, message }: EvaluationInput) {
    if (tagValue(message.Tags, "Function") !== undefined || tagValue(message.Tags, "Die") !== undefined)
      throw new Error("undefined function");
    const result = { Output: "answered", Messages: [], Spawns: [], Assignments: [] };
    return { memory: memory ?? Buffer.from("x"), result };
  },
};

async function world(hooks: Pick<UnitsOptions, "faults"> = {}) {
  const store = sqliteStore(":memory:");
  const units = await createUnits({ store, evaluator, devices: { [LUA_DEVICE]: evaluator }, ...hooks });
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
  const limits = { inFlight: 50, backoff: { base: 20, cap: 50 } };
  const ao = connectMainnet({ endpoints, wallet: await wallet, journal, limits });
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
  return { ao, journal, spawn, send, result, store, units };
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

test("a process that a message ended is named, with the slot, for every message and dry run after it", async () => {
  const { ao, spawn, send, result } = await world();
  const native = await spawn(LUA_DEVICE);
  await result(native);
  const ended = { code: "PROCESS_RUINED", what: expect.stringContaining("the message at slot 2 ended it") };
  expect((await problemsOf(result(native, { Die: "1" })))[0]).toMatchObject(ended);
  expect((await problemsOf(result(native)))[0]).toMatchObject(ended);
  const dry = ao.dryrun({ processId: native, tags: { Action: "Info" } }, budgetOf(20));
  expect((await problemsOf(dry))[0]).toMatchObject(ended);
  // A message still gets its slot, which is not the process' doing.
  expect(await send(native)).toMatchObject({ resent: false });
});

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
    // Longer than a process needs to be called ended.
    budgetWhile(() => asked++ < 60),
  );
  expect((await problemsOf(failing))[0]?.code).toBe("BUDGET_SPENT");
  expect(await problemsOf(result(native, { Die: "1" }))).toMatchObject([{ code: "PROCESS_RUINED" }]);
});

test("a process is not called ended while its node answers an error for every slot that is asked for by its number", async () => {
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
