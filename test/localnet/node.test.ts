import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { connect, createSigner } from "@permaweb/aoconnect/node";
import { afterEach, describe, expect, test } from "vitest";
import { itemSigner } from "../../src/localnet/ans104.ts";
import type { EvaluationInput, Evaluator } from "../../src/localnet/evaluator.ts";
import type { NodeQuirks } from "../../src/localnet/node/quirks.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import { type EvaluationResult, tagValue } from "../../src/localnet/types.ts";
import { createUnits, type Units, type UnitsOptions } from "../../src/localnet/units/index.ts";
import { makeJwk } from "../ao/wallets.ts";
import { valueIn } from "./node-values.ts";

/** Keeps the list of `Word` tags; `fail` fails, `send:<process>` sends, `publish:<value>` patches the served state. */
const words: Evaluator = {
  async evaluate({ memory, message, dryRun }: EvaluationInput) {
    const kept: string[] = memory ? JSON.parse(Buffer.from(memory).toString()) : [];
    const word = tagValue(message.Tags, "Word") ?? "";
    const [verb, rest = ""] = word.split(":");
    const Messages =
      verb === "send"
        ? [{ Target: rest, Tags: [{ name: "Word", value: "sent" }], Anchor: "7".repeat(32) }]
        : verb === "publish"
          ? [
              {
                Target: "",
                Tags: [
                  { name: "device", value: "patch@1.0" },
                  { name: "cache", value: { release: rest } as never },
                ],
              },
            ]
          : [];
    const result: EvaluationResult = {
      Output: kept.concat(word).join(" "),
      Messages,
      Spawns: [],
      Assignments: [],
    };
    if (word === "fail") return { memory, result: { ...result, Output: "", Error: "line one\n\tline two" } };
    return { memory: dryRun ? memory : Buffer.from(JSON.stringify([...kept, word])), result };
  },
};

const open: Units[] = [];
afterEach(async () => {
  for (const units of open.splice(0)) await units.close();
});

async function world(node: Partial<NodeQuirks> = {}, options: Partial<UnitsOptions> = {}) {
  const units = await createUnits({ store: sqliteStore(":memory:"), evaluator: words, node, ...options });
  open.push(units);
  const wallet = itemSigner(randomBytes(32).toString("hex"));
  const url = units.urls.node;
  const item = (tags: Record<string, string>, target?: string) =>
    wallet.sign({
      data: "data",
      tags: Object.entries(tags).map(([name, value]) => ({ name, value })),
      anchor: randomBytes(16).toString("hex"),
      ...(target === undefined ? {} : { target }),
    });
  const post = (path: string, raw: Uint8Array) => lenient(`${url}${path}`, raw);
  const get = (path: string, headers: Record<string, string> = { accept: "application/json" }) =>
    fetch(`${url}${path}`, { headers });
  const spawn = async () => {
    const { id, raw } = await item({ Type: "Process", Module: "m", Scheduler: units.nodeAddress });
    const { status, headers } = await post("/push", raw);
    expect({ status, slot: headers.slot, process: headers.process }).toEqual({
      status: 200,
      slot: "0",
      process: id,
    });
    return { id, raw };
  };
  const word = (value: string, target: string) => item({ Word: value }, target);
  const result = async (process: string, slot: number) =>
    JSON.parse(
      await valueIn(await get(`/${process}~process@1.0/compute=${slot}/results/json/body`)),
    ) as EvaluationResult;
  const current = async (process: string) =>
    Number(await valueIn(await get(`/${process}~process@1.0/slot/current`)));
  return { units, url, item, post, get, spawn, word, result, current };
}

/** A post that reads an answer with damaged headers, as the adapter does. */
function lenient(
  url: string,
  body: Uint8Array,
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, {
      method: "POST",
      insecureHTTPParser: true,
      headers: { "content-type": "application/ans104", accept: "application/json" },
    });
    call.once("error", reject);
    call.once("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
    call.end(body);
  });
}

test("aoconnect spawns and sends as on a real node, and gets the slot of its message", async () => {
  const { units, url, current } = await world();
  const signer = createSigner(await makeJwk());
  const ao = connect({ MODE: "mainnet", URL: url, SCHEDULER: units.nodeAddress, signer });
  const process = await ao.spawn({ module: "m", scheduler: units.nodeAddress, authority: units.nodeAddress });
  expect(await current(process)).toBe(0);
  expect(Number(await ao.message({ process, tags: [{ name: "Word", value: "one" }], data: "x" }))).toBe(1);
  expect(await current(process)).toBe(1);
});

describe("a HyperBEAM node", () => {
  test("gives the same bytes two slots and runs them twice; a node of 2026 leaves the second result empty", async () => {
    for (const repeated of ["evaluated", "skipped"] as const) {
      const { spawn, word, post, result, current } = await world({ repeated });
      const { id } = await spawn();
      const { raw } = await word("a", id);
      const posts = [
        await post(`/${id}~process@1.0/schedule`, raw),
        await post(`/${id}~process@1.0/schedule`, raw),
      ];
      expect(posts.map(({ headers }) => headers.slot)).toEqual(["1", "2"]);
      expect((await result(id, 1)).Output).toBe(" a");
      expect((await result(id, 2)).Output).toBe(repeated === "evaluated" ? " a a" : "");
      expect(await current(id)).toBe(2);
    }
  });

  test("takes a spawn that is posted twice as a message to the process", async () => {
    const { spawn, post, current, result } = await world();
    const { id, raw } = await spawn();
    expect((await post("/push", raw)).headers.slot).toBe("1");
    expect(await current(id)).toBe(1);
    expect((await result(id, 1)).Output).toBe(" ");
  });

  test("schedules what fails, and answers with a header that fetch refuses to read", async () => {
    const { spawn, word, post, url, result } = await world();
    const { id } = await spawn();
    const { raw } = await word("fail", id);
    const { status, text } = await post(`/${id}~process@1.0/push`, raw);
    expect({ status, body: JSON.parse(text).body }).toEqual({ status: 500, body: "line one\n\tline two" });
    expect(await result(id, 1)).toMatchObject({ Error: "line one\n\tline two", Output: "" });
    await expect(
      fetch(`${url}/${id}~process@1.0/push`, {
        method: "POST",
        headers: { "content-type": "application/ans104", accept: "application/json" },
        body: (await word("fail", id)).raw as Uint8Array<ArrayBuffer>,
      }),
    ).rejects.toThrow("fetch failed");
    expect(await result(id, 2)).toMatchObject({ Error: "line one\n\tline two" });
  });

  test("delivers an outbox only if its slot is pushed, and again if it is pushed again", async () => {
    const { spawn, word, post, current } = await world();
    const [{ id: from }, { id: to }] = [await spawn(), await spawn()];
    await post(`/${from}~process@1.0/schedule`, (await word(`send:${to}`, from)).raw);
    expect(await current(to)).toBe(0);
    const { text } = await post(`/${from}~process@1.0/push`, (await word(`send:${to}`, from)).raw);
    expect(await current(to)).toBe(1);
    expect(Object.keys(JSON.parse(text))).toContain("1+link");
    await post(`/${from}~process@1.0/push&slot=2`, new Uint8Array());
    expect(await current(to)).toBe(2);
  });

  test("lists a schedule whose last page reports another one", async () => {
    const { spawn, word, post, get } = await world();
    const { id } = await spawn();
    const { id: message, raw } = await word("a", id);
    await post(`/${id}~process@1.0/schedule`, raw);
    const read = async (from: number) =>
      (await get(`/~scheduler@1.0/schedule?target=${id}&from=${from}&to=9&accept=application/aos-2`)).json();
    const page = (await read(1)) as {
      page_info: object;
      edges: { cursor: string; node: { message: { Id: string } } }[];
    };
    expect(page.edges.map(({ cursor, node }) => [cursor, node.message.Id])).toEqual([["1", message]]);
    expect(page.page_info).toMatchObject({ has_next_page: true });
    expect(await read(2)).toMatchObject({ edges: [] });
  });

  test("serves the state that a process publishes, now and at a slot", async () => {
    const { spawn, word, post, get } = await world();
    const { id } = await spawn();
    for (const release of ["r1", "r2"])
      await post(`/${id}~process@1.0/schedule`, (await word(`publish:${release}`, id)).raw);
    expect(await valueIn(await get(`/${id}~process@1.0/now/cache/release`))).toBe("r2");
    expect(await valueIn(await get(`/${id}~process@1.0/compute=1/cache/release`))).toBe("r1");
    expect((await get(`/${id}~process@1.0/now/cache/nothing`)).status).toBe(404);
  });

  test("runs a dry run in the name of a stranger, without a slot", async () => {
    const { spawn, get, current } = await world();
    const { id } = await spawn();
    const answer = await get(`/${id}~process@1.0/as=execution/compute&Word=try/results/json/body`);
    expect(JSON.parse(await valueIn(answer))).toMatchObject({ Output: " try" });
    expect(await current(id)).toBe(0);
  });

  test("answers 404 for a slot to come, 500 for a process that it does not have, and a page for people without `accept`", async () => {
    const { spawn, get } = await world();
    const { id } = await spawn();
    const future = await get(`/${id}~process@1.0/compute=7/results/json/body`);
    expect([future.status, await future.json()]).toEqual([
      404,
      { reason: "Requested slot not yet available in schedule.", "attempted-slot": 7 },
    ]);
    expect((await get(`/${"x".repeat(43)}~process@1.0/slot/current`)).status).toBe(500);
    expect((await get(`/${"x".repeat(43)}`)).status).toBe(404);
    const page = await get(`/${id}`, { accept: "*/*" });
    expect(page.headers.get("content-type")).toContain("text/html");
  });

  test("refuses what it cannot encode, without a slot", async () => {
    const { spawn, item, post, current, url } = await world();
    const { id } = await spawn();
    for (const [name, status] of [
      ["a.b", 500],
      ["a b", 500],
      ["a+b", 500],
      ["device", 500],
      ["body", 400],
      ["path", 404],
    ] as const) {
      const { raw } = await item({ [name]: "x" }, id);
      expect([name, (await post(`/${id}~process@1.0/schedule`, raw)).status]).toEqual([name, status]);
    }
    expect(
      (await fetch(`${url}/${id}~process@1.0/schedule`, { method: "POST", body: "not an item" })).status,
    ).toBe(400);
    const { raw } = await item({ Word: "a" }, id);
    raw[raw.length - 1] = (raw.at(-1) ?? 0) ^ 1;
    expect((await post(`/${id}~process@1.0/schedule`, raw)).status).toBe(500);
    expect(await current(id)).toBe(0);
  });

  test("schedules parallel posts in an order of its own, and drops what is too much", async () => {
    const { spawn, word, post, current } = await world({ busyAbove: 4 });
    const { id } = await spawn();
    const items = await Promise.all(["a", "b", "c", "d"].map((each) => word(each, id)));
    const slots = await Promise.all(
      items.map(async ({ raw }) => Number((await post(`/${id}~process@1.0/schedule`, raw)).headers.slot)),
    );
    expect([...slots].sort()).toEqual([1, 2, 3, 4]);
    const many = await Promise.all(Array.from({ length: 12 }, (_, index) => word(`x${index}`, id)));
    const statuses = await Promise.all(
      many.map(async ({ raw }) => (await post(`/${id}~process@1.0/schedule`, raw)).status),
    );
    const taken = statuses.filter((status) => status === 200).length;
    expect(await current(id)).toBe(4 + taken);
  });

  test("schedules a process that it cannot run, and never has a result", async () => {
    for (const quirks of [{ fetchesModules: false }, { devices: ["lua@5.3a"] }]) {
      const { spawn, word, post, get, current } = await world(quirks);
      const { id } = await spawn();
      const { raw } = await word("a", id);
      expect((await post(`/${id}~process@1.0/schedule`, raw)).status).toBe(200);
      expect(await current(id)).toBe(1);
      expect((await get(`/${id}~process@1.0/compute=1/results/json/body`)).status).toBe(500);
      expect((await post(`/${id}~process@1.0/push`, (await word("b", id)).raw)).status).toBe(500);
      expect(await current(id)).toBe(2);
    }
  });

  test("tells the tags of an item, its devices, and whether it has a module", async () => {
    const { spawn, get, item, units } = await world();
    const { id } = await spawn();
    expect(await valueIn(await get(`/${id}/type`))).toBe("Process");
    expect((await get(`/${id}/nothing`)).status).toBe(404);
    const { id: module, raw } = await item({ "Data-Protocol": "ao", Type: "Module" });
    await fetch(`${units.urls.gateway}/tx`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: raw as Uint8Array<ArrayBuffer>,
    });
    expect(await valueIn(await get(`/${module}/type`))).toBe("Module");
    const info = await get("/~meta@1.0/info", { accept: "application/json", "accept-bundle": "true" });
    expect(await info.json()).toMatchObject({
      address: units.nodeAddress,
      preloaded_devices: expect.arrayContaining([{ name: "genesis-wasm@1.0", module: "genesis-wasm" }]),
    });
    expect((await get("/~genesis-wasm@1.0/init")).status).toBe(200);
    expect(await (await get("/~lua@5.3a/init")).text()).toContain("device_not_loadable");
  });

  test("takes the price of each post off the balance of its signer, and answers 402 where it does not cover it", async () => {
    const ledger: Record<string, number> = {};
    const { units, item, post, current } = await world({ payment: { price: 10, ledger } });
    const { owner, id, raw } = await item({ Type: "Process", Module: "m", Scheduler: units.nodeAddress });
    const refused = await post("/push", raw);
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([402, { price: 20, balance: 0 }]);
    ledger[owner] = 50;
    expect((await post("/push", raw)).status).toBe(200);
    const path = `/${id}~process@1.0/schedule`;
    expect((await post(path, (await item({ Word: "a" }, id)).raw)).status).toBe(200);
    expect((await post(path, (await item({ Word: "b" }, id)).raw)).status).toBe(402);
    expect([ledger[owner], await current(id)]).toEqual([10, 1]);
  });

  test("has processes of its own: the legacy units do not schedule for them", async () => {
    const { spawn, units, item } = await world();
    const { id } = await spawn();
    const { raw } = await item({ "Data-Protocol": "ao", Type: "Message", Word: "a" }, id);
    const answer = await fetch(units.urls.mu, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: raw as Uint8Array<ArrayBuffer>,
    });
    expect(answer.status).toBe(500);
  });
});
