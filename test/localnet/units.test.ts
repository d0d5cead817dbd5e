import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ItemSigner, itemSigner } from "../../src/localnet/ans104.ts";
import type { EvaluationInput, Evaluator } from "../../src/localnet/evaluator.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import { type EvaluationResult, tagValue } from "../../src/localnet/types.ts";
import { createUnits, type Units, type UnitsOptions } from "../../src/localnet/units/index.ts";

/** Keeps the list of `Word` tags as its memory; `fail` fails, `send:<process>` sends, `claim:<process>,<next>` claims another chain, `assign:<id>,…` assigns itself, `block` waits. */
function wordEvaluator(): Evaluator & { release(): void; active: number; most: number } {
  let release = () => {};
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    active: 0,
    most: 0,
    release: () => release(),
    async evaluate({ process, memory, message, dryRun }: EvaluationInput) {
      if (process.module === "unknown") throw new Error("Module unknown was not found on the gateway");
      this.active++;
      this.most = Math.max(this.most, this.active);
      const words: string[] = memory ? JSON.parse(Buffer.from(memory).toString()) : [];
      const word = tagValue(message.Tags, "Word") ?? "";
      if (word === "block") await blocked;
      else await new Promise(setImmediate);
      this.active--;
      const [verb, target] = word.split(":");
      const sends =
        verb === "send" && target
          ? [{ Target: target, Tags: [{ name: "Word", value: "sent" }], Anchor: "7".repeat(32) }]
          : [];
      const [first, next] = verb === "claim" && target ? target.split(",") : [];
      if (first !== undefined) {
        const claimed = { name: "Pushed-For", value: "claimed".padEnd(43, "_") };
        sends.push({
          Target: first,
          Tags: [claimed, { name: "Word", value: `send:${next}` }],
          Anchor: "8".repeat(32),
        });
      }
      const assigned = verb === "assign" && target ? target.split(",") : undefined;
      const result: EvaluationResult = {
        Output: words.concat(word).join(" "),
        Messages: sends,
        Spawns: [],
        Assignments: assigned ? [{ Message: message.Id ?? "", Processes: assigned }] : [],
      };
      if (word === "fail") return { memory, result: { ...result, Output: "", Error: "failed" } };
      return { memory: dryRun ? memory : Buffer.from(JSON.stringify([...words, word])), result };
    },
  };
}

const open: Units[] = [];
afterEach(async () => {
  for (const units of open.splice(0)) await units.close();
});

async function world(options: Partial<UnitsOptions> = {}) {
  const evaluator = wordEvaluator();
  const units = await createUnits({ store: sqliteStore(":memory:"), evaluator, ...options });
  open.push(units);
  const wallet = itemSigner(randomBytes(32).toString("hex"));
  const item = (type: string, tags: Record<string, string>, target?: string, by: ItemSigner = wallet) =>
    by.sign({
      data: "data",
      tags: Object.entries({ "Data-Protocol": "ao", Type: type, ...tags }).map(([name, value]) => ({
        name,
        value,
      })),
      anchor: randomBytes(16).toString("hex"),
      ...(target === undefined ? {} : { target }),
    });
  const post = (raw: Uint8Array) =>
    fetch(units.urls.mu, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: raw as Uint8Array<ArrayBuffer>,
    });
  const spawn = async (tags: Record<string, string> = {}) => {
    const { id, raw } = await item("Process", { Module: "m", Scheduler: units.scheduler, ...tags });
    expect((await post(raw)).status).toBe(202);
    return id;
  };
  const send = async (process: string, word: string) => {
    const { id, raw } = await item("Message", { Word: word }, process);
    expect((await post(raw)).status).toBe(202);
    return id;
  };
  const result = async (process: string, message: string) =>
    (await (
      await fetch(`${units.urls.cu}/result/${message}?process-id=${process}`)
    ).json()) as EvaluationResult & { error?: string };
  const query = async (text: string) => {
    const body = JSON.stringify({ query: text });
    const response = await fetch(units.graphqlUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    return (await response.json()) as { data?: Record<string, never>; errors?: { message: string }[] };
  };
  return { units, evaluator, wallet, item, post, spawn, send, result, query };
}

test("a process is evaluated in order, one message at a time; another does not wait for it", async () => {
  const { spawn, send, result, evaluator } = await world();
  const [a, b] = [await spawn(), await spawn()];
  await send(a, "block");
  const behind = await send(a, "next");
  expect((await result(b, await send(b, "free"))).Output).toBe(" free");
  evaluator.release();
  expect((await result(a, behind)).Output).toBe(" block next");
  expect(evaluator.most).toBe(2);
});

test("an assignment to several processes reaches those after one that does not exist", async () => {
  const { spawn, send, result, units } = await world();
  const [from, b, c] = [await spawn(), await spawn(), await spawn()];
  const message = await send(from, `assign:${"u".repeat(43)},${b},${c}`);
  await result(from, message);
  const entries = async (process: string) => {
    const page = await fetch(`${units.urls.su}/${process}?process-id=${process}`);
    return JSON.stringify(await page.json());
  };
  for (const process of [b, c])
    await vi.waitFor(async () => expect(await entries(process)).toContain(message));
});

test("a failed evaluation keeps the earlier memory and is excluded from the results", async () => {
  const { spawn, send, result, units } = await world();
  const id = await spawn();
  for (const word of ["one", "fail", "two"]) await result(id, await send(id, word));
  const failed = await result(id, await send(id, "fail"));
  expect(failed).toMatchObject({ Error: "failed", Output: "" });
  const page = async (parameters: string) => {
    const response = await fetch(`${units.urls.cu}/results/${id}?${parameters}`);
    return (await response.json()) as {
      pageInfo: { hasNextPage: boolean };
      edges: { cursor: string; node: EvaluationResult }[];
    };
  };
  const outputs = (edges: { node: EvaluationResult }[]) => edges.map(({ node }) => node.Output);
  expect(outputs((await page("sort=ASC")).edges)).toEqual(["", " one", " one two"]);

  for (const [sort, expected] of [
    ["ASC", ["", " one", " one two"]],
    ["DESC", [" one two", " one", ""]],
  ] as const) {
    const seen: unknown[] = [];
    let from = "";
    // Until a page is empty: a page with a failed evaluation in it reports too early that it is the last.
    for (;;) {
      const { edges } = await page(`sort=${sort}&limit=1${from && `&from=${encodeURIComponent(from)}`}`);
      if (edges.length === 0) break;
      seen.push(...outputs(edges));
      from = edges.at(-1)?.cursor ?? "";
    }
    expect(seen).toEqual(expected);
  }
  const all = (await page("sort=ASC")).edges;
  const until = await page(
    `from=${encodeURIComponent(all[0]?.cursor ?? "")}&to=${encodeURIComponent(all[1]?.cursor ?? "")}`,
  );
  expect(outputs(until.edges)).toEqual([" one"]);
  expect(await page("limit=0")).toEqual({ pageInfo: { hasNextPage: true }, edges: [] });
});

test("the same push, signed twice, is one message; two messages of a wallet are two", async () => {
  const { spawn, item, post, units, result, send } = await world();
  const id = await spawn();
  const pushed = { Word: "w", "From-Process": "p".repeat(43) };
  const twice = await Promise.all([1, 2].map(() => item("Message", pushed, id)));
  expect(new Set(twice.map(({ id }) => id)).size).toBe(2);
  // Different anchors make two pushes; the same fields under another signature are one.
  for (const { raw } of twice) expect((await post(raw)).status).toBe(202);
  const [first] = twice;
  if (first === undefined) throw new Error("no item");
  const again = await itemSigner("11".repeat(32)).sign({
    data: "data",
    tags: first.tags,
    target: id,
    anchor: first.anchor,
  });
  const refused = await post(again.raw);
  expect([refused.status, await refused.text()]).toEqual([500, expect.stringContaining("MessageExists")]);
  expect((await result(id, await send(id, "last"))).Output).toBe(" w w last");
  expect(units.authority).not.toBe(units.scheduler);
});

test("a push between two processes arrives once, with its sender", async () => {
  const { spawn, send, result, query } = await world();
  const [a, b] = [await spawn(), await spawn()];
  const root = await send(a, `send:${b}`);
  await result(a, root);
  const found = async () =>
    (await query(`{ transactions(recipients: ["${b}"], tags: [{ name: "Word", values: ["sent"] }]) {
      edges { node { id owner { address } tags { name value } } } } }`)) as unknown as {
      data: {
        transactions: {
          edges: {
            node: { id: string; owner: { address: string }; tags: { name: string; value: string }[] };
          }[];
        };
      };
    };
  const node = await expect
    .poll(async () => (await found()).data.transactions.edges.length)
    .toBe(1)
    .then(async () => (await found()).data.transactions.edges[0]?.node);
  expect(node?.tags).toEqual(
    expect.arrayContaining([
      { name: "From-Process", value: a },
      { name: "From-Module", value: "m" },
      { name: "Pushed-For", value: root },
    ]),
  );
  expect((await result(b, node?.id ?? "")).Output).toBe(" sent");
});

test("the messenger names the first message of a chain itself, whatever a wallet or a process says", async () => {
  const { spawn, item, post, query } = await world();
  const [a, b, c] = [await spawn(), await spawn(), await spawn()];
  const claimed = "claimed".padEnd(43, "_");
  const root = await item("Message", { Word: `claim:${b},${c}`, "Pushed-For": claimed }, a);
  expect((await post(root.raw)).status).toBe(202);
  const chainsAt = async (process: string) => {
    const found =
      (await query(`{ transactions(recipients: ["${process}"], tags: [{ name: "From-Process", values: ["${a}", "${b}"] }]) {
      edges { node { tags { name value } } } } }`)) as unknown as {
        data: { transactions: { edges: { node: { tags: { name: string; value: string }[] } }[] } };
      };
    const [edge] = found.data.transactions.edges;
    return edge?.node.tags.filter(({ name }) => name === "Pushed-For").map(({ value }) => value);
  };
  await expect.poll(() => chainsAt(c)).toEqual([root.id]);
  // A program's own tag is not removed: the messenger's is the last one.
  expect(await chainsAt(b)).toEqual([claimed, root.id]);
});

test("hooks see every call by name and number, before and after its effect", async () => {
  const calls: string[] = [];
  const { spawn, send, result, item, post, units } = await world({
    async faults(call) {
      calls.push(`${call.endpoint} ${call.number}`);
      if (call.endpoint === "mu.post" && call.number === 2) return new Response("busy", { status: 429 });
      if (call.endpoint === "cu.result" && call.number === 1) return call.reset();
      return undefined;
    },
    async after(call, response) {
      return call.endpoint === "mu.post" && call.number === 3 ? call.reset() : response;
    },
  });
  const id = await spawn();
  const { id: message, raw } = await item("Message", { Word: "w" }, id);
  expect((await post(raw)).status).toBe(429);
  await expect(post(raw)).rejects.toThrow("fetch failed");
  // The third call had its effect although its answer was lost: the same bytes are known.
  const again = await post(raw);
  expect([again.status, await again.text()]).toEqual([500, expect.stringContaining("MessageExists")]);
  await expect(result(id, message)).rejects.toThrow("fetch failed");
  expect((await result(id, message)).Output).toBe(" w");
  await send(id, "x");
  await fetch(`${units.urls.su}/timestamp`);
  expect(calls).toEqual([
    "mu.post 1",
    "mu.post 2",
    "mu.post 3",
    "mu.post 4",
    "cu.result 1",
    "cu.result 2",
    "mu.post 5",
    "su.timestamp 1",
  ]);
});

test("a lagging index hides new items, the units do not", async () => {
  let now = 1_800_000_000_000;
  const { spawn, result, query } = await world({ clock: { now: () => now }, indexLag: () => 60_000 });
  const id = await spawn();
  const find = async () =>
    (await query(`{ transaction(id: "${id}") { id block { height } } }`)).data?.transaction ?? null;
  expect(await find()).toBe(null);
  expect((await result(id, id)).Output).toBe("");
  now += 60_000;
  expect(await find()).toEqual({ id, block: { height: 1_500_000 } });
  const heights = (
    await query("{ blocks(first: 3) { pageInfo { hasNextPage } edges { node { height timestamp } } } }")
  ).data?.blocks;
  expect(heights).toEqual({
    pageInfo: { hasNextPage: true },
    edges: [6, 5, 4].map((n) => ({ node: { height: 1_500_000 + n, timestamp: 1_800_000_000 + 10 * n } })),
  });
});

test("the index answers a wrong query with its errors, and counts", async () => {
  const { spawn, query } = await world();
  await spawn({ Kind: "k" });
  await spawn({ Kind: "k" });
  await spawn({ Kind: "other" });
  expect((await query("{ nothing }")).errors?.[0]?.message).toContain('Cannot query field "nothing"');
  const counted =
    await query(`{ transactions(tags: [{ name: "Kind", values: ["k"] }, { name: "Type", values: ["Process"] }], first: 1) {
    count pageInfo { hasNextPage endCursor } } }`);
  expect(counted.data?.transactions).toMatchObject({ count: "2", pageInfo: { hasNextPage: true } });
  const not = await query(
    '{ transactions(tags: [{ name: "Kind", values: ["k"], op: NEQ }, { name: "Type", values: ["Process"] }]) { count } }',
  );
  expect(not.data?.transactions).toEqual({ count: "1" });
});

describe("a spawn that is posted again", () => {
  async function twice(options: Partial<UnitsOptions> = {}) {
    const made = await world(options);
    const { id, raw } = await made.item("Process", { Module: "m", Scheduler: made.units.scheduler });
    const answers = [await made.post(raw), await made.post(raw)];
    const status = async (message: string) => {
      const response = await fetch(`${made.units.urls.cu}/result/${message}?process-id=${id}`);
      return [response.status, ((await response.json()) as { error?: string }).error];
    };
    return { ...made, id, answers: answers.map((answer) => answer.status), status };
  }

  test("uses up a slot, and no later message is evaluated", async () => {
    const store = sqliteStore(":memory:");
    const { id, answers, send, status, units, spawn, result } = await twice({ store });
    expect(answers).toEqual([202, 202]);
    const message = await send(id, "lost");
    expect(await status(message)).toEqual([422, `HashChain invalid on message ${message}`]);
    expect((await status(id))[0]).toBe(200);
    const order = (await (await fetch(`${units.urls.su}/${id}?process-id=${id}`)).json()) as {
      edges: { node: { assignment: { tags: { name: string; value: string }[] } } }[];
    };
    const nonces = order.edges.map(({ node }) => tagValue(node.assignment.tags, "Nonce"));
    expect(nonces).toEqual(["0", "2"]);
    const other = await spawn();
    expect((await result(other, await send(other, "free"))).Output).toBe(" free");

    // It stays so after a restart of the units; on another port, because the client keeps its connections.
    await units.close();
    store.setMeta("port.cu", "0");
    const again = await createUnits({ store, evaluator: wordEvaluator() });
    open.push(again);
    const response = await fetch(`${again.urls.cu}/result/${message}?process-id=${id}`);
    expect(response.status).toBe(422);
  });

  test("is refused if the units are configured to", async () => {
    const { id, answers, send, result } = await twice({ spawnedTwice: "refused" });
    expect(answers).toEqual([202, 500]);
    expect((await result(id, await send(id, "next"))).Output).toBe(" next");
  });
});

test("a spawn that a process requested is scheduled once, even if the network dies before it is recorded", async () => {
  const store = sqliteStore(":memory:");
  const spawns = (): EvaluationResult => {
    const Tags = [{ name: "Module", value: "m" }];
    return { Output: "", Messages: [], Spawns: [{ Tags, Anchor: "5".repeat(32) }], Assignments: [] };
  };
  const evaluator: Evaluator = {
    evaluate: async ({ memory, message }) => ({
      memory,
      result:
        tagValue(message.Tags, "Word") === "spawn" ? spawns() : { ...spawns(), Output: "ok", Spawns: [] },
    }),
  };
  // The effect cannot be recorded: the next units find it.
  const dying = () => {
    throw new Error("killed");
  };
  const { units, spawn, send, wallet } = await world({ store: { ...store, removeEffect: dying }, evaluator });
  const parent = await spawn();
  await send(parent, "spawn");
  await expect.poll(() => store.processIds().length).toBe(2);
  const [child = ""] = store.processIds().filter((id) => id !== parent);
  await units.close();
  for (const name of ["gateway", "mu", "su", "cu"]) store.setMeta(`port.${name}`, "0");
  const again = await createUnits({ store, evaluator });
  open.push(again);
  await expect.poll(() => store.effects(1)).toEqual([]);
  const tags = [
    { name: "Data-Protocol", value: "ao" },
    { name: "Type", value: "Message" },
  ];
  const { id, raw } = await wallet.sign({ data: "data", tags, target: child });
  const posted = await fetch(again.urls.mu, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: raw as Uint8Array<ArrayBuffer>,
  });
  expect(posted.status).toBe(202);
  const result = await fetch(`${again.urls.cu}/result/${id}?process-id=${child}`);
  expect([result.status, await result.json()]).toMatchObject([200, { Output: "ok" }]);
});

test("what cannot be scheduled is refused with the real unit's text", async () => {
  const { item, post, spawn, units } = await world();
  const says = async (raw: Uint8Array) => {
    const response = await post(raw);
    return [response.status, ((await response.json()) as { error: string }).error];
  };
  const id = await spawn();
  const wrong = (await item("Message", {}, id)).raw.map((byte, index, all) =>
    index === all.length - 1 ? byte ^ 1 : byte,
  );
  expect(await says(wrong)).toEqual([
    500,
    "'body': A valid and signed data item must be provided as the body.",
  ]);
  expect(await says((await item("Letter", {}, id)).raw)).toEqual([
    500,
    expect.stringContaining("Tag 'Type'"),
  ]);
  expect(await says((await item("Message", { "Data-Protocol": "other" }, id)).raw)).toEqual([
    500,
    expect.stringContaining("Tag 'Data-Protocol'"),
  ]);
  expect(await says((await item("Message", {}, "x".repeat(43))).raw)).toEqual([
    500,
    expect.stringContaining("reading 'tags'"),
  ]);
  expect(await says((await item("Process", { Scheduler: units.scheduler })).raw)).toEqual([
    500,
    expect.stringContaining("No Module tag"),
  ]);
  const boot = { Module: "m", Scheduler: units.scheduler, "On-Boot": "b".repeat(43) };
  expect(await says((await item("Process", boot)).raw)).toEqual([500, expect.stringContaining("On-Boot")]);
  const half = await fetch(`${units.urls.mu}?assign=${id}`, { method: "POST" });
  expect(half.status).toBe(400);
});

test("a process whose module is missing answers with an error, and messages wait", async () => {
  const { spawn, send, result } = await world();
  const id = await spawn({ Module: "unknown" });
  expect((await result(id, id)).error).toContain("Module unknown");
  expect((await result(id, await send(id, "w"))).error).toContain("Module unknown");
});

test("a dry run sees what was scheduled before it and changes nothing", async () => {
  const { spawn, send, units, result } = await world();
  const id = await spawn();
  await send(id, "one");
  const dry = await fetch(`${units.urls.cu}/dry-run?process-id=${id}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      Id: "1234",
      Target: id,
      Owner: "me",
      Tags: [{ name: "Word", value: "dry" }],
      Data: "",
    }),
  });
  expect(await dry.json()).toMatchObject({ Output: " one dry" });
  expect((await result(id, await send(id, "two"))).Output).toBe(" one two");
});

test("an item that is a page gets an origin of its own, and runs its scripts", async () => {
  const { units, item } = await world();
  const { id, raw } = await item("Page", { "Content-Type": "text/html" });
  await fetch(`${units.urls.gateway}/tx`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: raw as Uint8Array<ArrayBuffer>,
  });
  for (const path of [id, `raw/${id}`]) {
    const { headers } = await fetch(`${units.urls.gateway}/${path}`);
    expect([headers.get("content-type"), headers.get("content-security-policy")]).toEqual([
      "text/html",
      "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads",
    ]);
  }
});

test("the units listen on loopback and under no other name", async () => {
  const { units } = await world();
  const url = new URL(units.urls.gateway);
  expect(Object.values(units.urls).every((each) => new URL(each).hostname === "127.0.0.1")).toBe(true);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const asked = request(
      { host: url.hostname, port: url.port, path: "/info", headers: { host: "fleet.example" } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    asked.on("error", reject).end();
  });
  expect(status).toBe(403);
});
