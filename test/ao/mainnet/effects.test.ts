import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { type Journal, openJournal } from "../../../src/ao/journal/index.ts";
import { decodeRecord, encodeRecord } from "../../../src/ao/journal/records.ts";
import { fieldsOfSpawn } from "../../../src/ao/mainnet/compose.ts";
import { connectMainnet, type MainnetLimits } from "../../../src/ao/mainnet/connect.ts";
import { effectsOf } from "../../../src/ao/mainnet/effects.ts";
import { nodeAt } from "../../../src/ao/mainnet/node.ts";
import { checkNetwork } from "../../../src/ao/mainnet/preview.ts";
import type { Schedule } from "../../../src/ao/mainnet/schedule.ts";
import { defaultBackoff } from "../../../src/ao/retry.ts";
import type { Wallet } from "../../../src/ao/wallet.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { historyOf } from "../../../src/fleet/history.ts";
import type { EvaluationInput, Evaluator } from "../../../src/localnet/evaluator.ts";
import type { NodeQuirks } from "../../../src/localnet/node/quirks.ts";
import { sqliteStore } from "../../../src/localnet/store/sqlite.ts";
import { tagValue } from "../../../src/localnet/types.ts";
import { createUnits, type Units, type UnitsOptions } from "../../../src/localnet/units/index.ts";
import { entryLines } from "../../../src/operations/trace/lines.ts";
import { newestEntries } from "../../../src/operations/trace/log-entries.ts";
import { findRecords } from "../../../src/operations/trace/records.ts";
import { traceOf } from "../../../src/operations/trace/trace.ts";
import { member } from "../../cli/fakes.ts";
import { temporaryFolder } from "../../kit/folder.ts";
import { budgetWhile } from "../units.ts";
import { makeWallet } from "../wallets.ts";

const folder = temporaryFolder("ao-node");
const wallet: Promise<Wallet> = makeWallet();
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const close of open.splice(0).reverse()) await close();
});

/** Counts how often each message was evaluated. */
function counting(): Evaluator & { readonly ran: string[] } {
  const ran: string[] = [];
  return {
    ran,
    async evaluate({ memory, message, dryRun }: EvaluationInput) {
      const word = tagValue(message.Tags, "Word") ?? "";
      if (!dryRun && word !== "") ran.push(word);
      const result = { Output: `did ${word}`, Messages: [], Spawns: [], Assignments: [] };
      if (word === "fail") return { memory, result: { ...result, Output: "", Error: "boom\nat line 2" } };
      return { memory: memory ?? Buffer.from("x"), result };
    },
  };
}

async function world(
  node: Partial<NodeQuirks> = {},
  hooks: Pick<UnitsOptions, "faults" | "after"> = {},
  limits: MainnetLimits = {},
) {
  const store = sqliteStore(":memory:");
  const evaluator = counting();
  const units: Units = await createUnits({ store, evaluator, node, ...hooks });
  open.push(() => units.close());
  const signer = await wallet;
  const path = join(mkdtempSync(join(folder, "journal-")), "p.s.jsonl");
  const endpoints = {
    nodeUrl: units.urls.node,
    gatewayUrl: units.urls.gateway,
    graphqlUrl: units.graphqlUrl,
    nodeAddress: units.nodeAddress,
    uploadUrl: units.urls.gateway,
  };
  const connect = async () => {
    const journal = await openJournal(path);
    const ao = connectMainnet({
      endpoints,
      wallet: signer,
      journal,
      limits: { inFlight: 50, backoff: { base: 20, cap: 50 }, ...limits },
    });
    return { ao, journal };
  };
  const { ao, journal } = await connect();
  open.push(() => journal.close());
  const module = await ao.publish(
    {
      intent: "module",
      tags: { "Data-Protocol": "ao", Type: "Module", Variant: "ao.N.1" },
      data: Buffer.from("wasm"),
    },
    budgetOf(10),
  );
  const spawn = async (as = ao) =>
    as.spawn(
      {
        intent: "spawn",
        module: module.id,
        scheduler: units.nodeAddress,
        authority: units.nodeAddress,
        tags: { Name: "x" },
      },
      budgetOf(10),
    );
  const say = (processId: string, word: string, as = ao) =>
    as.send({ intent: `say ${word}`, processId, tags: { Action: "Say", Word: word } }, budgetOf(20));
  const placed = (processId: string, id: string) =>
    store.assignments(processId, { limit: 1000 }).filter(({ message }) => message === id).length;
  return { ao, journal, connect, units, spawn, say, placed, evaluator, store, endpoints };
}

/** Breaks the answers to posts: what was posted has its slot nevertheless. */
function failingAnswers(times: number): NonNullable<UnitsOptions["after"]> {
  let left = times;
  return async ({ endpoint }, response) => {
    if (endpoint !== "node.push" || left === 0) return response;
    left -= 1;
    return new Response("<html>failed</html>", { status: 500, headers: { "content-type": "text/html" } });
  };
}

test("what the node scheduled and then reported as failed is not posted again", async () => {
  const { spawn, say, placed, evaluator } = await world({}, { after: failingAnswers(3) });
  const { id } = await spawn();
  const sent = await say(id, "a");
  expect([placed(id, id), placed(id, sent.id)]).toEqual([1, 1]);
  expect(evaluator.ran).toEqual(["a"]);
});

test("a Lua error whose text breaks the answer's headers is a result, read at the slot", async () => {
  const { ao, spawn, say, placed } = await world();
  const { id } = await spawn();
  const sent = await say(id, "fail");
  const result = await ao.evaluation({ processId: id, messageId: sent.id }, budgetOf(10));
  expect(result).toMatchObject({ error: "boom\nat line 2", messageId: sent.id });
  expect(placed(id, sent.id)).toBe(1);
});

test.each([[12], [11], [10]])(
  "a spawn is not posted again while a proxy answers %i times for a node that is away",
  async (times) => {
    let answered = 0;
    const { spawn, placed } = await world(
      {},
      {
        async faults({ endpoint }) {
          const isRead = endpoint.startsWith("node.") && endpoint !== "node.push";
          if (!isRead || answered === 0 || answered > times) return undefined;
          answered += 1;
          return new Response("<h1>404 Not Found</h1>", {
            status: 404,
            headers: { "content-type": "text/html" },
          });
        },
        async after({ endpoint }, response) {
          if (endpoint !== "node.push" || answered > 0) return response;
          answered = 1;
          return new Response("<h1>502 Bad Gateway</h1>", { status: 502 });
        },
      },
    );
    const { id } = await spawn();
    expect(answered).toBe(times + 1);
    expect(placed(id, id)).toBe(1);
  },
);

test("what the node dropped is posted again, once", async () => {
  let dropped = 0;
  const { spawn, say, placed, evaluator } = await world(
    {},
    {
      async faults({ endpoint }) {
        if (endpoint !== "node.push" || dropped === 2) return undefined;
        dropped += 1;
        return new Response("busy", { status: 500 });
      },
    },
  );
  const { id } = await spawn();
  const sent = await say(id, "a");
  expect(dropped).toBe(2);
  expect(placed(id, sent.id)).toBe(1);
  expect(evaluator.ran).toEqual(["a"]);
});

test("a run that lost the journal's lock while it waited does not post again", async () => {
  let posts = 0;
  let lock = "";
  const { journal, spawn } = await world(
    {},
    {
      async faults({ endpoint }) {
        if (endpoint !== "node.push") return undefined;
        posts += 1;
        const owner = { nonce: "n", pid: 1, born: "", host: "elsewhere", at: "2026-01-01T00:00:00.000Z" };
        writeFileSync(lock, JSON.stringify(owner));
        return new Response("too many", { status: 429 });
      },
    },
  );
  lock = `${journal.path}.lock`;
  await expect(spawn()).rejects.toMatchObject({ code: "JOURNAL_LOST" });
  expect(posts).toBe(1);
});

test("a post that is scheduled and then never answered is looked up when its time is over, and leaves one slot", async () => {
  const silence = gate();
  let posts = 0;
  const { spawn, say, placed, evaluator } = await world(
    {},
    {
      async after({ endpoint }, response) {
        if (endpoint !== "node.push") return response;
        posts += 1;
        if (posts === 2) await silence.opened;
        return response;
      },
    },
    { callSeconds: 2 },
  );
  const { id } = await spawn();
  const sent = await say(id, "a");
  silence.open();
  expect([posts, placed(id, sent.id)]).toEqual([2, 1]);
  expect(evaluator.ran).toEqual(["a"]);
});

test("a spawn has the module, the authority and the scheduler that it was given, whatever the environment names", async () => {
  const given = { module: "m".repeat(43), authority: "a".repeat(43), scheduler: "s".repeat(43) };
  for (const name of ["MODULE", "AUTHORITY", "SCHEDULER"]) vi.stubEnv(name, "e".repeat(43));
  const { tags = [] } = await fieldsOfSpawn({ ...given, intent: "spawn", tags: {} });
  const named = (name: string) => tags.filter((tag) => tag.name === name).map(({ value }) => value);
  expect([named("Module"), named("Authority"), named("Scheduler")]).toEqual([
    [given.module],
    [given.authority],
    [given.scheduler],
  ]);
  expect(tags.map(({ value }) => value)).not.toContain("e".repeat(43));
});

test("a connection that breaks while the node goes on leaves one slot", async () => {
  let broken = false;
  const { spawn, say, placed } = await world(
    {},
    {
      async after(call, response) {
        if (call.endpoint !== "node.push" || call.number < 2 || broken) return response;
        broken = true;
        return call.reset();
      },
    },
  );
  const { id } = await spawn();
  const sent = await say(id, "a");
  expect(broken).toBe(true);
  expect(placed(id, sent.id)).toBe(1);
});

test("a later run finds what an earlier one posted, on any page of the schedule", async () => {
  const { ao, journal, connect, spawn, say, placed, store } = await world({}, {}, { page: 3 });
  const { id } = await spawn();
  const sent = await say(id, "first");
  for (let index = 0; index < 8; index += 1) await say(id, `more-${index}`);
  await journal.close();
  // A journal that lost the answer: the bytes were posted, and nobody recorded it.
  const again = await connect();
  open.push(() => again.journal.close());
  expect(await say(id, "first", again.ao)).toEqual({ id: sent.id, resent: true });
  expect(placed(id, sent.id)).toBe(1);
  expect(await again.ao.evaluation({ processId: id, messageId: sent.id }, budgetOf(10))).toMatchObject({
    output: "did first",
  });
  expect((await ao.range({ processId: id, from: 0, to: 99 }, budgetOf(10))).map(({ slot }) => slot)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ]);
  expect(store.lastAssignment(id)?.nonce).toBe(9);
});

test.each([
  ["as it is signed", true],
  ["as an earlier version signed it, without a slot", false],
])("a message that was signed while the clock was ahead, %s, is found later", async (_, hasFloor) => {
  const now = Date.now;
  const hours = (count: number) => count * 3_600_000;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() - hours(3));
  let isLost = false;
  const { journal, connect, spawn, say, placed, ao } = await world(
    {},
    {
      async after({ endpoint, number }, response) {
        // The answer to the first message is lost, and with it the time that was left.
        if (endpoint !== "node.push" || number !== 2) return response;
        isLost = true;
        return new Response("failed", { status: 500 });
      },
    },
    { page: 3 },
  );
  const { id } = await spawn();
  const message = { intent: "say late", processId: id, tags: { Action: "Say", Word: "late" } };
  await expect(
    ao.send(
      message,
      budgetWhile(() => !isLost),
    ),
  ).rejects.toMatchObject({ transient: true });
  for (let index = 0; index < 8; index += 1) await say(id, `more-${index}`);
  clock.mockRestore();
  const late = journal.signed("say late");
  await journal.close();
  const lines = readFileSync(journal.path, "utf8").trimEnd().split("\n");
  const changed = lines.map((line) => {
    const record = decodeRecord(line);
    if ("damaged" in record || record.kind !== "signed" || record.id !== late?.id) return `${line}\n`;
    const { floor, ...rest } = record;
    return encodeRecord({ ...rest, at: rest.at + hours(1), ...(hasFloor ? { floor } : {}) });
  });
  writeFileSync(journal.path, changed.join(""));
  const again = await connect();
  open.push(() => again.journal.close());
  expect(again.journal.signed("say late")?.floor).toBe(hasFloor ? 0 : undefined);
  expect(await again.ao.send(message, budgetOf(20))).toEqual({ id: late?.id, resent: true });
  expect(placed(id, late?.id ?? "")).toBe(1);
});

test("what an earlier version signed is looked up by its time first, and in the whole schedule only if it is not there", async () => {
  const intent = { key: "late", kind: "message", id: "m", target: "p", content: "", at: 5 };
  const lookUp = async (byTime: number | undefined) => {
    const asked: unknown[] = [];
    const journal = {
      record: async () => ({ intent, item: { id: "m", raw: new Uint8Array() }, resent: true }),
      byId: () => undefined,
      sent: async (key: string, slot: string) => asked.push([key, slot]),
    } as unknown as Journal;
    const schedule: Schedule = {
      current: async () => 900,
      range: async () => [],
      slotSince: async (item) => {
        asked.push(item);
        return byTime;
      },
      slotOf: async (item) => {
        asked.push(item);
        return 3;
      },
    };
    const effects = effectsOf({
      ...{ wallet: await wallet, journal, schedule, upload: undefined, backoff: defaultBackoff, inFlight: 0 },
      node: nodeAt("http://127.0.0.1:1", { concurrency: 1, timeout: 1 }),
      module: () => Promise.reject(new Error("not asked")),
      isShown: async () => false,
    });
    await effects.send({ intent: "late", processId: "p", tags: { Action: "Say" } }, budgetOf(5));
    return asked;
  };
  const item = { processId: "p", id: "m" };
  expect(await lookUp(800)).toEqual([{ ...item, since: 5 }, ["late", "800"]]);
  expect(await lookUp(undefined)).toEqual([{ ...item, since: 5 }, { ...item, from: 0 }, ["late", "3"]]);
});

/** Somebody posts a message again: its bytes are public. */
async function repeat(
  { units, journal }: Pick<Awaited<ReturnType<typeof world>>, "units" | "journal">,
  processId: string,
  messageId: string,
): Promise<void> {
  const intent = journal.byId(messageId);
  const { raw } = await journal.item(intent as NonNullable<typeof intent>);
  await fetch(`${units.urls.node}/${processId}~process@1.0/schedule`, {
    method: "POST",
    headers: { "content-type": "application/ans104" },
    body: raw as Uint8Array<ArrayBuffer>,
  });
}

test("a message that somebody else posted a second time has the result of its first slot", async () => {
  const { ao, spawn, say, units, journal } = await world({ repeated: "skipped" });
  const { id } = await spawn();
  const sent = await say(id, "a");
  await repeat({ units, journal }, id, sent.id);
  expect(await ao.latest(id, budgetOf(10))).toBe(2);
  expect(
    await ao.evaluation({ processId: id, messageId: sent.id, expectOutput: true }, budgetOf(10)),
  ).toMatchObject({ output: "did a" });
});

test.each([
  ["skipped", "", ["did a"], "    result empty: it printed and sent nothing"],
  ["evaluated", "did a", ["did a", "did a"], "    output did a"],
] as const)(
  "logs, query and trace show each slot of a repeated message with its own result: %s",
  async (repeated, output, outputs, line) => {
    const { ao, spawn, say, units, journal } = await world({ repeated });
    const { id } = await spawn();
    const sent = await say(id, "a");
    await repeat({ units, journal }, id, sent.id);
    const history = historyOf({ session: { ao } }, 20);
    const { entries } = await newestEntries(history, id, 2, { limit: 2, errors: false }, "");
    expect(entries.map(({ slot, repeats, result }) => [slot, repeats, result?.output])).toEqual([
      [1, undefined, "did a"],
      [2, 1, output],
    ]);
    const [, last] = entries;
    const lines = entryLines(last as NonNullable<typeof last>, { members: [] }, undefined, false);
    expect(lines.slice(1)).toEqual(["    data   1984", "    again  the same bytes as #1", line]);
    const { records } = await findRecords(history, id, { direction: "received" }, { limit: 2, reach: 9 });
    expect(records.map(({ slot, repeats }) => [slot, repeats])).toEqual([
      [1, undefined],
      [2, 1],
    ]);
    const hops = await traceOf(history, [member("token", { processId: id })], sent.id, 9);
    expect(hops.map(({ slot, repeats }) => [slot, repeats])).toEqual([
      [1, undefined],
      [2, 1],
    ]);
    const read = await Promise.all(
      [1, 2].map((slot) => ao.evaluation({ processId: id, messageId: sent.id, slot }, budgetOf(20))),
    );
    expect(read.map((each) => each.output).filter(Boolean)).toEqual(outputs);
  },
);

test("twenty messages at once to one process take twenty slots, with five posts under way at a time", async () => {
  const [five, looked] = [gate(), gate()];
  const posts = { isCounted: false, underWay: 0, most: 0 };
  const isPost = ({ endpoint }: { endpoint: string }) => endpoint === "node.push" && posts.isCounted;
  const hooks: Pick<UnitsOptions, "faults" | "after"> = {
    async faults(call) {
      if (!isPost(call)) return undefined;
      posts.underWay += 1;
      posts.most = Math.max(posts.most, posts.underWay);
      if (posts.underWay === 5) five.open();
      await looked.opened;
      return undefined;
    },
    async after(call, response) {
      if (isPost(call)) posts.underWay -= 1;
      return response;
    },
  };
  const { ao, spawn, say, placed, evaluator } = await world({ busyAbove: 6 }, hooks, { concurrency: 40 });
  const { id } = await spawn();
  posts.isCounted = true;
  const sending = Promise.all(Array.from({ length: 20 }, (_, index) => say(id, `m${index}`)));
  await five.opened;
  // Whatever else was sent with these five would be there by now.
  for (const _ of [1, 2, 3]) await ao.latest(id, budgetOf(10));
  expect(posts.underWay).toBe(5);
  looked.open();
  const sent = await sending;
  expect(posts.most).toBe(5);
  expect(sent.map((each) => placed(id, each.id))).toEqual(sent.map(() => 1));
  expect(await ao.latest(id, budgetOf(10))).toBe(20);
  expect(new Set(evaluator.ran).size).toBe(20);
  expect(evaluator.ran).toHaveLength(20);
});

/** A promise that a test fulfils. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

test("a send that learns the end of the schedule late hides no message that is under way", async () => {
  const [underWay, later, learned] = [gate(), gate(), gate()];
  const { spawn, say, placed, evaluator } = await world(
    {},
    {
      async faults({ endpoint, number }) {
        if (endpoint === "node.slot" && number === 2) await later.opened;
        return undefined;
      },
      async after({ endpoint, number }, response) {
        if (endpoint === "node.slot" && number === 2) learned.open();
        // The spawn is the first; the answer to the first message is lost.
        if (endpoint !== "node.push" || number !== 2) return response;
        underWay.open();
        await learned.opened;
        return new Response("failed", { status: 500 });
      },
    },
  );
  const { id } = await spawn();
  const both = [say(id, "a"), say(id, "b")];
  await underWay.opened;
  const third = await say(id, "c");
  later.open();
  const sent = [...(await Promise.all(both)), third];
  expect(sent.map((each) => placed(id, each.id))).toEqual([1, 1, 1]);
  expect([...evaluator.ran].sort()).toEqual(["a", "b", "c"]);
});

test("a message that is sent twice at the same time is posted once", async () => {
  const second = gate();
  let posts = 0;
  const { spawn, say, placed, evaluator } = await world(
    {},
    {
      async faults({ endpoint }) {
        if (endpoint !== "node.push") return undefined;
        posts += 1;
        // The first message is under way until another post of it arrives, or long enough for one.
        if (posts === 2) await Promise.race([second.opened, new Promise((done) => setTimeout(done, 300))]);
        if (posts === 3) second.open();
        return undefined;
      },
    },
    // This connection is older than anything that an earlier run may have posted.
    { inFlight: 0 },
  );
  const { id } = await spawn();
  const [one, two] = await Promise.all([say(id, "a"), say(id, "a")]);
  expect(two.id).toBe(one.id);
  expect(posts).toBe(2);
  expect(placed(id, one.id)).toBe(1);
  expect(evaluator.ran).toEqual(["a"]);
});

test("a post that the wallet cannot pay is named, and not posted until the budget ends", async () => {
  const ledger: Record<string, number> = {};
  const { spawn, say, placed, units } = await world({ payment: { price: 1, ledger } });
  ledger[(await wallet).address] = 4;
  const { id } = await spawn();
  await say(id, "a");
  const started = performance.now();
  await expect(say(id, "b")).rejects.toMatchObject({ code: "WALLET_UNFUNDED" });
  expect(performance.now() - started).toBeLessThan(5000);
  expect(await (await fetch(`${units.urls.node}/${id}~process@1.0/slot/current`)).text()).toBe("1");
  ledger[(await wallet).address] = 2;
  expect(placed(id, (await say(id, "b")).id)).toBe(1);
});

test("a tag that a node would lose or refuse is named before anything is sent", async () => {
  const { ao, spawn, units } = await world();
  const { id } = await spawn();
  const tags = { "a.b": "x", device: "x", Path: "x", "with space": "x", "Fleet-Release": "x" };
  await expect(ao.send({ intent: "bad", processId: id, tags }, budgetOf(5))).rejects.toMatchObject({
    problems: [
      expect.objectContaining({ code: "TAGS_INVALID", got: "a.b" }),
      expect.objectContaining({ got: "device" }),
      expect.objectContaining({ got: "Path" }),
      expect.objectContaining({ got: "with space" }),
    ],
  });
  expect(await (await fetch(`${units.urls.node}/${id}~process@1.0/slot/current`)).text()).toBe("0");
});

test("a tag that no network accepts is named like on any other network", async () => {
  const { ao, spawn } = await world();
  const { id } = await spawn();
  const send = (tags: Record<string, string>) => ao.send({ intent: "bad", processId: id, tags }, budgetOf(5));
  await expect(send({ Long: "x".repeat(3073) })).rejects.toMatchObject({ code: "TAGS_INVALID" });
  await expect(send({ Empty: "" })).rejects.toMatchObject({ code: "TAGS_INVALID" });
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`Tag-${n}`, "x".repeat(90)]));
  await expect(send(many)).rejects.toMatchObject({ code: "TAGS_INVALID" });
});

test("a check of the network names a node of another address, and a server that is no node", async () => {
  const { endpoints } = await world();
  const at = (changed: Partial<typeof endpoints>) =>
    checkNetwork({ ...endpoints, ...changed }, {}, budgetOf(10));
  await at({});
  await expect(at({ nodeAddress: "z".repeat(43) })).rejects.toMatchObject({ code: "NODE_CHANGED" });
  await expect(at({ nodeUrl: endpoints.gatewayUrl })).rejects.toMatchObject({ code: "UNIT_NOT_AO" });
});

test("nothing is signed for a node of another address than the named one, which is asked once", async () => {
  let asked = 0;
  const { endpoints, journal, units, spawn, say, placed } = await world(
    {},
    {
      async faults({ endpoint }) {
        if (endpoint === "node.meta") asked += 1;
        return undefined;
      },
    },
  );
  const { id } = await spawn();
  for (const word of ["a", "b"]) await say(id, word);
  expect(asked).toBe(1);
  const signer = await wallet;
  let signed = 0;
  const counted: Wallet = {
    ...signer,
    sign(item) {
      signed += 1;
      return signer.sign(item);
    },
  };
  const limits = { inFlight: 50, backoff: { base: 20, cap: 50 } };
  const options = { wallet: counted, journal, limits };
  const other = connectMainnet({ ...options, endpoints: { ...endpoints, nodeAddress: "z".repeat(43) } });
  const module = { intent: "other module", tags: { Type: "Module" }, data: Buffer.from("wasm") };
  for (const work of [
    () => say(id, "c", other),
    () => other.publish(module, budgetOf(5)),
    () => other.spawn({ intent: "other spawn", module: "m".repeat(43), tags: {} }, budgetOf(5)),
    () => other.latest(id, budgetOf(5)),
    () => other.range({ processId: id, from: 0, to: 9 }, budgetOf(5)),
    () => other.results({ processId: id }, budgetOf(5)),
    () => other.dryrun({ processId: id, tags: { Action: "Info" } }, budgetOf(5)),
    () => other.evaluation({ processId: id, messageId: id }, budgetOf(5)),
    () => other.isPlaced({ processId: id, messageId: id }, budgetOf(5)),
  ]) {
    await expect(work()).rejects.toMatchObject({
      code: "NODE_CHANGED",
      problems: [{ got: units.nodeAddress, expected: "z".repeat(43) }],
    });
  }
  expect(await other.published?.({ processId: id, path: ["fleet"] }, budgetOf(5))).toBeUndefined();
  expect(signed).toBe(0);
  expect(await (await fetch(`${units.urls.node}/${id}~process@1.0/slot/current`)).text()).toBe("2");
  // A network that names no address is not asked for one.
  const { nodeAddress: _, ...free } = endpoints;
  const before = asked;
  expect(placed(id, (await say(id, "d", connectMainnet({ ...options, endpoints: free }))).id)).toBe(1);
  expect(asked).toBe(before);
});

test("every read asks caches on the way for an answer of the node itself", async () => {
  const asked: (string | null)[] = [];
  const { ao, spawn, say } = await world(
    {},
    {
      async faults({ endpoint, request }) {
        if (endpoint.startsWith("node.") && request.method === "GET")
          asked.push(request.headers.get("cache-control"));
        return undefined;
      },
    },
  );
  const { id } = await spawn();
  const sent = await say(id, "a");
  await ao.evaluation({ processId: id, messageId: sent.id }, budgetOf(10));
  expect(new Set(asked)).toEqual(new Set(["no-cache"]));
});

test("results are paged by slots, in both directions", async () => {
  const { ao, spawn, say } = await world();
  const { id } = await spawn();
  for (const word of ["a", "b", "c"]) await say(id, word);
  const outputs = async (query: { cursor?: string; limit?: number; newestFirst?: boolean }) => {
    const { items, next } = await ao.results({ processId: id, ...query }, budgetOf(10));
    return [items.map(({ output }) => output), next];
  };
  expect(await outputs({ limit: 2 })).toEqual([["did ", "did a"], "1"]);
  expect(await outputs({ cursor: "1", limit: 9 })).toEqual([["did b", "did c"], "3"]);
  expect(await outputs({ cursor: "3" })).toEqual([[], undefined]);
  expect(await outputs({ newestFirst: true, limit: 2 })).toEqual([["did c", "did b"], "2"]);
  expect(await outputs({ newestFirst: true, cursor: "2", limit: 9 })).toEqual([["did a", "did "], "0"]);
});

test("a result is found if the node, or another one behind its address, serves it at the other path", async () => {
  let without = "";
  const { ao, spawn, say } = await world(
    { results: "both" },
    {
      async faults({ endpoint, request }) {
        return endpoint === "node.compute" && new URL(request.url).pathname.includes(`/results/${without}`)
          ? Response.json({ body: "Not found." }, { status: 404 })
          : undefined;
      },
    },
  );
  const { id } = await spawn();
  const outputs: string[] = [];
  for (const [index, path] of ["json", "raw", "json"].entries()) {
    without = path;
    const sent = await say(id, `m${index}`);
    outputs.push((await ao.evaluation({ processId: id, messageId: sent.id }, budgetOf(5))).output);
  }
  expect(outputs).toEqual(["did m0", "did m1", "did m2"]);
});

test("the result is that of the first slot, also if the node's answer to the post named a later one", async () => {
  let node = "";
  const { ao, spawn, say, units, placed } = await world(
    { repeated: "skipped" },
    {
      async faults({ endpoint, number, request }) {
        if (endpoint !== "node.push" || number !== 2) return undefined;
        // Somebody between client and node posts the bytes, and then passes them on.
        const path = new URL(request.url).pathname.replace("/push", "/schedule");
        await fetch(`${node}${path}`, {
          method: "POST",
          headers: { "content-type": "application/ans104" },
          body: await request.clone().arrayBuffer(),
        });
        return undefined;
      },
    },
  );
  node = units.urls.node;
  const { id } = await spawn();
  const sent = await say(id, "a");
  expect(placed(id, sent.id)).toBe(2);
  expect(
    await ao.evaluation({ processId: id, messageId: sent.id, expectOutput: true }, budgetOf(5)),
  ).toMatchObject({ output: "did a" });
});
