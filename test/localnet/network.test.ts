import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moduleTags } from "../../src/localnet/images.ts";
import { type ContractClient, list, output, until } from "../contract/client.ts";
import { imageBytes } from "../kit/images.ts";
import { clientOf, freshNetwork, residentMegabytes } from "./network.ts";

let network: Awaited<ReturnType<typeof freshNetwork>>;
let client: ContractClient;
beforeAll(async () => {
  network = await freshNetwork();
  client = clientOf(network);
}, 60_000);
afterAll(() => network.close());

const read = async (process: string, expression: string) =>
  output(await client.eval(process, `return tostring(${expression})`));
const untilIs = (process: string, expression: string, wanted: RegExp) =>
  until(`${expression} in ${process}`, async () => {
    const text = (await read(process, expression)) ?? "";
    return wanted.test(text) ? text : undefined;
  });

test("a process spawns a process, receives its messages, and owns it", async () => {
  const parent = await client.spawn();
  await client.eval(parent, 'Handlers.add("born", "Spawned", function(m) CHILD = m.Process end)');
  const { scheduler, authority } = network.endpoints;
  const sent = await client.message(
    parent,
    { Action: "Eval" },
    `ao.spawn("${network.module}", { Tags = { Authority = "${authority}", Scheduler = "${scheduler}", Name = "child" } })`,
  );
  const child = await untilIs(parent, "CHILD", /^[\w-]{43}$/);
  await client.eval(
    parent,
    `Send({ Target = "${child}", Action = "Eval", Data = "BY = Owner .. ' ' .. ao.id" })`,
  );
  await client.eval(parent, 'Handlers.add("told", "Told", function(m) TOLD = m.Data end)');
  await client.eval(
    parent,
    `Send({ Target = "${child}", Action = "Eval", Data = "Send({ Target = Owner, Action = 'Told', Data = BY })" })`,
  );
  expect(await untilIs(parent, "TOLD", / /)).toBe(`${parent} ${child}`);
  const found = await client.graphql(FIND, { tags: [{ name: "Pushed-For", values: [sent] }] });
  expect(found.edges.map(({ node }) => node.id)).toContain(child);
});

test("a message to a wallet is published, not scheduled", async () => {
  const id = await client.spawn();
  await client.eval(id, `Send({ Target = "${client.wallet.address}", Action = "Hello", Data = "you" })`);
  const item = await until("the item", async () => {
    const tags = [{ name: "Action", values: ["Hello"] }];
    const { edges } = await client.graphql(FIND, { recipients: [client.wallet.address], tags });
    return edges[0]?.node;
  });
  expect(item.tags).toContainEqual({ name: "From-Process", value: id });
  expect(await (await fetch(`${network.endpoints.gatewayUrl}/${item.id}`)).text()).toBe("you");
});

test("the process itself decides whether to trust an assigned message", async () => {
  const [from, to] = [await client.spawn(), await client.spawn()];
  await client.eval(to, 'Handlers.add("note", "Note", function(m) NOTE = m.Data .. " for " .. m.Target end)');
  await client.eval(to, 'ao.addAssignable("notes", function(m) return m.Action == "Note" end)');
  const message = await client.message(from, { Action: "Note" }, "text");
  await client.evaluated(to, await client.ao.assign({ process: to, message }));
  expect(await read(to, "NOTE")).toBe(`text for ${from}`);
  await expect(client.ao.assign({ process: to, message })).rejects.toThrow(/MessageExists/);
});

test("a monitored process receives cron messages until monitoring stops", async () => {
  const id = await client.spawn({ "Cron-Interval": "1-second", "Cron-Tag-Action": "Beat" });
  await client.eval(
    id,
    'BEATS = 0 Handlers.add("beat", "Beat", function(m) if m.Cron and m.From == Owner then BEATS = BEATS + 1 end end)',
  );
  await client.ao.monitor({ process: id, signer: client.signer as never });
  await expect(client.ao.monitor({ process: id, signer: client.signer as never })).rejects.toThrow(/already/);
  await untilIs(id, "BEATS", /^[2-9]/);
  await client.ao.unmonitor({ process: id, signer: client.signer as never });
  const after = await read(id, "BEATS");
  const page = await client.ao.results({ process: id, sort: "DESC", limit: 1 });
  expect(page.edges).toHaveLength(1);
  expect(Number(after)).toBeGreaterThanOrEqual(2);
  await expect(client.ao.unmonitor({ process: id, signer: client.signer as never })).rejects.toThrow(
    /not found/,
  );
});

test("a module published as a data item is usable by its id", async () => {
  const wasm = imageBytes("aos2_0_3.wasm");
  const tags = moduleTags("wasm64-unknown-emscripten-draft_2024_02_15");
  const item = await client.wallet.sign({ data: wasm, tags });
  const { gatewayUrl, scheduler } = network.endpoints;
  const answer = await fetch(`${gatewayUrl}/tx`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: item.raw as Uint8Array<ArrayBuffer>,
  });
  expect(await answer.json()).toMatchObject({ id: item.id, owner: client.wallet.address });
  const served = new Uint8Array(await (await fetch(`${gatewayUrl}/${item.id}`)).arrayBuffer());
  expect(Buffer.from(served).equals(wasm)).toBe(true);

  const id = await client.ao.spawn({ module: item.id, scheduler, signer: client.signer as never, tags: [] });
  expect(await read(id, "ao.env.Module.Owner")).toBe(client.wallet.address);
});

test("a process of an unpublished module answers with an error until the module is published", async () => {
  const wasm = Buffer.from("no WebAssembly");
  const item = await client.wallet.sign({
    data: wasm,
    tags: moduleTags("wasm64-unknown-emscripten-draft_2024_02_15"),
  });
  const { scheduler, gatewayUrl } = network.endpoints;
  const tags = {
    "Data-Protocol": "ao",
    Variant: "ao.TN.1",
    Type: "Process",
    Module: item.id,
    Scheduler: scheduler,
  };
  const spawn = await client.wallet.sign({ data: " ", tags: list(tags) });
  expect((await client.post(spawn.raw)).status).toBe(202);
  const result = async () =>
    String(((await client.ao.result({ process: spawn.id, message: spawn.id })) as { error?: string }).error);
  expect(await result()).toMatch(/not found/);
  await fetch(`${gatewayUrl}/tx`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: item.raw as Uint8Array<ArrayBuffer>,
  });
  expect(await result()).toMatch(/CompileError/);
});

test("a spawn for another scheduler is refused like on the real units", async () => {
  const spawned = client.ao.spawn({
    module: network.module,
    scheduler: client.wallet.address,
    signer: client.signer as never,
    tags: [],
  });
  await expect(spawned).rejects.toThrow(/Cannot destructure property 'url'/);
});

test("the scheduler's order has an unbroken hash chain", async () => {
  const id = await client.spawn();
  for (const n of [1, 2, 3]) await client.eval(id, `return ${n}`);
  const page = (await (await fetch(`${network.suUrl}/${id}?process-id=${id}`)).json()) as {
    edges: {
      node: { message: { id: string }; assignment: { id: string; tags: { name: string; value: string }[] } };
    }[];
  };
  const tag = (index: number, name: string) =>
    page.edges[index]?.node.assignment.tags.find((each) => each.name === name)?.value ?? "";
  expect(page.edges.map((_, index) => tag(index, "Nonce"))).toEqual(["0", "1", "2", "3"]);
  for (const index of [1, 2, 3]) {
    const bytes = [tag(index - 1, "Hash-Chain"), page.edges[index - 1]?.node.assignment.id ?? ""];
    const link = Buffer.concat(bytes.map((text) => Buffer.from(text, "base64url")));
    expect(tag(index, "Hash-Chain")).toBe(createHash("sha256").update(link).digest("base64url"));
  }
  const message = page.edges[2]?.node.message.id;
  const one = await fetch(`${network.suUrl}/${message}?process-id=${id}`);
  expect(await one.json()).toEqual(page.edges[2]?.node);
});

test("100 live processes fit in memory, each with its own state", async () => {
  const ids = await Promise.all(Array.from({ length: 100 }, () => client.spawn()));
  const code = (n: number) => `N = ${n} T = {} for i = 1, 1000 do T[i] = N end`;
  await Promise.all(ids.map((id, n) => client.eval(id, code(n))));
  const some = [0, 1, 50, 98, 99];
  expect(await Promise.all(some.map((n) => read(ids[n] ?? "", "N .. T[1000]")))).toEqual(
    some.map((n) => `${n}${n}`),
  );
  const resident = residentMegabytes(network.info.pid);
  console.log(`100 live processes: ${resident.toFixed(0)} MB resident`);
  expect(resident).toBeLessThan(1500);
}, 90_000);

const FIND = `query Find($recipients: [String!], $tags: [TagFilter!]) {
  transactions(recipients: $recipients, tags: $tags, first: 10) {
    pageInfo { hasNextPage }
    edges { cursor node { id tags { name value } } }
  }
}`;
