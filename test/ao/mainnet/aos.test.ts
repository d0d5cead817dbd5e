import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Journal, openJournal } from "../../../src/ao/journal/index.ts";
import { connectMainnet, EMBEDDED_NODE } from "../../../src/ao/mainnet/connect.ts";
import type { Ao } from "../../../src/ao/port.ts";
import type { Wallet } from "../../../src/ao/wallet.ts";
import { bundle } from "../../../src/bundler/index.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { composeBoot, readLoadOutcome } from "../../../src/fleet/code/program.ts";
import { composeWithoutLibrary } from "../../../src/fleet/code/without-library.ts";
import { publishedState } from "../../../src/fleet/protocol/published.ts";
import { type LocalNetworkInfo, start, stop } from "../../../src/localnet/index.ts";
import { temporaryFolder, writeFiles } from "../../kit/folder.ts";
import { program } from "../../processes/compose.ts";
import { COUNTER } from "../../processes/programs.ts";
import { makeWallet } from "../wallets.ts";

/** What the contract of the port does not ask for, on the embedded network's HyperBEAM node with real aos. */
const folder = temporaryFolder("ao-node-aos");
let network: LocalNetworkInfo;
let journal: Journal;
let wallet: Wallet;
let ao: Ao;

const budget = () => budgetOf(30);
const connect = (as: Wallet) =>
  connectMainnet({
    endpoints: {
      nodeUrl: network.nodeUrl,
      gatewayUrl: network.gatewayUrl,
      graphqlUrl: network.graphqlUrl,
      scheduler: network.nodeAddress,
      authority: network.nodeAddress,
      uploadUrl: network.gatewayUrl,
    },
    wallet: as,
    journal,
    limits: EMBEDDED_NODE,
  });
const spawnInput = (name: string) => ({
  intent: `p/s/${name}/1/spawn`,
  module: network.modules.aos ?? "",
  scheduler: network.nodeAddress,
  authority: network.nodeAddress,
  tags: { Name: name, "Deployment-Key": `p/s/${name}` },
});
async function evaluate(processId: string, code: string, intent: string) {
  const { id } = await ao.send({ intent, processId, tags: { Action: "Eval" }, data: code }, budget());
  return ao.evaluation({ processId, messageId: id, expectOutput: true }, budget());
}
/** Posts the item of a process to its node once more. */
async function postAgain(id: string): Promise<void> {
  const intent = journal.byId(id);
  const { raw } = await journal.item(intent as NonNullable<typeof intent>);
  await fetch(`${network.nodeUrl}/push`, {
    method: "POST",
    headers: { "content-type": "application/ans104" },
    body: raw as Uint8Array<ArrayBuffer>,
  });
}

beforeAll(async () => {
  [network, wallet] = await Promise.all([start(join(folder, "network")), makeWallet()]);
  journal = await openJournal(join(folder, "p.s.jsonl"));
  ao = connect(wallet);
}, 60_000);
afterAll(async () => {
  await journal.close();
  await stop(join(folder, "network"));
});

test("a process publishes state that is read over HTTP without a signature", async () => {
  const processId = (await ao.spawn(spawnInput("published"), budget())).id;
  await evaluate(
    processId,
    "Send({ device = 'patch@1.0', cache = { release = 'r1', count = 3 } }); return 'published'",
    "publish",
  );
  const read = async (key: string) =>
    (await fetch(`${network.nodeUrl}/${processId}~process@1.0/now/${key}`)).text();
  expect([await read("cache/release"), await read("cache/count")]).toEqual(["r1", "3"]);
}, 60_000);

test("a process with the library is read as it publishes itself, and a plain one has to be asked", async () => {
  const plain = (await ao.spawn(spawnInput("plain"), budget())).id;
  await evaluate(
    plain,
    'Handlers.add("add", "Add", function(m) m.reply({ Data = "1" }) end) return 1',
    "plain code",
  );
  expect(await publishedState({ ao }, { processId: plain })).toBeUndefined();

  const processId = (await ao.spawn(spawnInput("own"), budget())).id;
  await evaluate(processId, await program("own", { source: COUNTER, repeats: true }), "own code");
  expect(await publishedState({ ao }, { processId })).toMatchObject({
    info: { name: "counter", status: "ACTIVE", version: "1.0.0", release: "r1", epoch: 1, peers: {} },
    health: { healthStatus: "HEALTHY", failed: [] },
  });
  const config = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 7 }, version: 1 };
  const { id } = await ao.send(
    {
      ...{ intent: "config", processId, data: JSON.stringify(config) },
      tags: { Action: "UPDATE_CONFIG", Epoch: "4" },
    },
    budget(),
  );
  const { messages } = await ao.evaluation({ processId, messageId: id }, budget());
  expect(messages.map(({ tags }) => tags.Action)).toEqual(["UPDATE_CONFIG-Response"]);
  expect(await publishedState({ ao }, { processId })).toMatchObject({
    slot: 2,
    info: { epoch: 4, configVersions: { PROCESS_CONFIG: 1 } },
  });
  // As it was after the load.
  expect(await ao.published?.({ processId, path: ["fleet", "epoch"], slot: 1 }, budget())).toBe("1");
}, 60_000);

test("a spawn that is posted twice leaves the process as it was", async () => {
  const input = spawnInput("twice");
  const { id } = await ao.spawn(input, budget());
  await ao.awaitReady(id, budget());
  await evaluate(id, "Kept = 'yes'; return 'set'", "kept");
  await postAgain(id);
  expect(await ao.latest(id, budget())).toBe(2);
  expect((await evaluate(id, "return tostring(Kept)", "kept?")).output).toBe("yes");
}, 60_000);

const COUNTED = "Loads = (Loads or 0) + 1\nKept = Kept or 0\n";

test.each([
  ["with", () => program("booted", { source: COUNTED, repeats: true })],
  ["without", plainProgram],
] as const)(
  "a spawn that carries the code (onBoot) %s the library runs it once if it is posted twice",
  async (kind, compose) => {
    const input = {
      ...spawnInput(`boot-${kind}`),
      data: composeBoot({ text: await compose(), offsetLines: 0 }),
    };
    const { id } = await ao.spawn({ ...input, tags: { ...input.tags, "On-Boot": "Data" } }, budget());
    const { output } = await ao.evaluation({ processId: id, messageId: id, expectOutput: true }, budget());
    expect(readLoadOutcome(output)).toMatchObject({ kind: "committed" });
    await evaluate(id, "Kept = Kept + 1; return 'set'", `${kind} kept`);
    await postAgain(id);
    expect(await ao.latest(id, budget())).toBe(2);
    expect((await evaluate(id, "return Loads .. ' ' .. Kept", `${kind} kept?`)).output).toBe("1 1");
  },
  60_000,
);

/** The same code for a member with `lib: false`. */
async function plainProgram(): Promise<string> {
  const root = join(folder, "plain");
  writeFiles({ "process.lua": COUNTED }, root);
  const { text, hash } = await bundle({ name: "plain", root, entry: "process.lua" });
  const commit = { process: "plain", release: "r", sourceHash: hash, version: "1", epoch: 1, repeats: true };
  return composeWithoutLibrary(text, commit).text;
}
