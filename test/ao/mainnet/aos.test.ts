import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Ao,
  assertOwner,
  type Journal,
  looksLikeInbox,
  openJournal,
  type Wallet,
} from "../../../src/ao/index.ts";
import { connectMainnet, EMBEDDED_NODE } from "../../../src/ao/mainnet/connect.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { type LocalNetworkInfo, start, stop } from "../../../src/localnet/index.ts";
import { temporaryFolder } from "../../kit/folder.ts";
import { makeWallet } from "../wallets.ts";

/** One pass through the port against the embedded network's HyperBEAM node, with real aos behind it. */
const folder = temporaryFolder("ao-node-aos");
let network: LocalNetworkInfo;
let journal: Journal;
let wallet: Wallet;
let ao: Ao;
let processId: string;

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
async function evaluate(code: string, intent: string, as: Ao = ao, to = processId) {
  const { id } = await as.send({ intent, processId: to, tags: { Action: "Eval" }, data: code }, budget());
  return as.evaluation({ processId: to, messageId: id, expectOutput: true }, budget());
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

test("the port spawns a process, sends to it, queries it, finds it and reads it back", async () => {
  await ao.preflight({ module: network.modules.aos ?? "" }, budget());
  const input = spawnInput("battle");
  processId = (await ao.spawn(input, budget())).id;
  expect(await ao.spawn(input, budget())).toEqual({ id: processId, resent: true });
  await ao.awaitReady(processId, budget());
  await ao.settle(input.intent);

  expect((await evaluate("X = 2; return 'x is ' .. X", "eval-1")).output).toBe("x is 2");
  const failed = await evaluate("X = 3; error('boom')", "eval-2");
  expect(failed.error).toContain("boom");
  expect((await evaluate("return tostring(X)", "eval-3")).output).toBe("2");

  const found = await ao.find(
    { tags: { "Deployment-Key": "p/s/battle" }, owners: [wallet.address] },
    budget(),
  );
  expect(found.map(({ id }) => id)).toEqual([processId]);
  const history = await ao.range({ processId, from: 0, to: 99 }, budget());
  expect(history.map(({ slot, action }) => [slot, action])).toEqual([
    [0, "(spawn)"],
    [1, "Eval"],
    [2, "Eval"],
    [3, "Eval"],
  ]);
}, 60_000);

test("messages between processes and their answers travel in one push", async () => {
  const other = (await ao.spawn(spawnInput("other"), budget())).id;
  await ao.awaitReady(other, budget());
  await evaluate(
    "Handlers.add('Ping', 'Ping', function(msg) msg.reply({ Data = 'pong to ' .. msg.Data }) end); return 'added'",
    "ping",
    ao,
    other,
  );
  await evaluate(
    `Send({ Target = '${other}', Action = 'Ping', Data = 'me' }).onReply(function(msg) Answer = msg.Data end); return 'asked'`,
    "ask",
  );
  expect((await evaluate("return tostring(Answer)", "answer")).output).toBe("pong to me");
}, 60_000);

test("a process publishes state that is read over HTTP without a signature", async () => {
  await evaluate(
    "Send({ device = 'patch@1.0', cache = { release = 'r1', count = 3 } }); return 'published'",
    "publish",
  );
  const read = async (key: string) =>
    (await fetch(`${network.nodeUrl}/${processId}~process@1.0/now/${key}`)).text();
  expect([await read("cache/release"), await read("cache/count")]).toEqual(["r1", "3"]);
}, 60_000);

test("a stranger's Eval, which succeeds without effect, is recognized as not executed", async () => {
  const stranger = await makeWallet();
  const result = await evaluate("X = 'taken'", "stranger", connect(stranger));
  expect(result.error).toBeUndefined();
  expect(looksLikeInbox(result)).toBe(true);
  expect(() => assertOwner(result, processId, stranger.address)).toThrow(/does not own the process/);
}, 60_000);

test("a spawn that is posted twice leaves the process as it was", async () => {
  const input = spawnInput("twice");
  const { id } = await ao.spawn(input, budget());
  await ao.awaitReady(id, budget());
  await evaluate("Kept = 'yes'; return 'set'", "kept", ao, id);
  const intent = journal.byId(id);
  const { raw } = await journal.item(intent as NonNullable<typeof intent>);
  await fetch(`${network.nodeUrl}/push`, {
    method: "POST",
    headers: { "content-type": "application/ans104" },
    body: raw as Uint8Array<ArrayBuffer>,
  });
  expect(await ao.latest(id, budget())).toBe(2);
  expect((await evaluate("return tostring(Kept)", "kept?", ao, id)).output).toBe("yes");
}, 60_000);
