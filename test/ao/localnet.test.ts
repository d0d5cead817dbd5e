import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Ao,
  assertOwner,
  connectLegacy,
  type Journal,
  looksLikeInbox,
  openJournal,
  resolveNetwork,
  type Wallet,
} from "../../src/ao/index.ts";
import { endpointsOf } from "../../src/ao/legacy/endpoints.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { type LocalNetworkInfo, start, stop } from "../../src/localnet/index.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { makeWallet } from "./wallets.ts";

/** One pass through the port against the embedded network, with real aos behind it. */
const folder = temporaryFolder("ao-local");
let network: LocalNetworkInfo;
let wallet: Wallet;
let journal: Journal;
let ao: Ao;
let processId: string;

const budget = () => budgetOf(30);
const connect = (as: Wallet) =>
  resolveNetwork({ kind: "local", dir: join(folder, "network") }, async () => network).then((found) =>
    connectLegacy({ endpoints: endpointsOf(found), wallet: as, journal, limits: { firstRead: 0 } }),
  );
async function evaluate(code: string, intent: string, as: Ao = ao) {
  const { id } = await as.send({ intent, processId, tags: { Action: "Eval" }, data: code }, budget());
  return as.evaluation({ processId, messageId: id, expectOutput: true }, budget());
}

beforeAll(async () => {
  [network, wallet] = await Promise.all([start(join(folder, "network")), makeWallet()]);
  journal = await openJournal(join(folder, "p.s.jsonl"));
  ao = await connect(wallet);
}, 60_000);
afterAll(async () => {
  await journal.close();
  await stop(join(folder, "network"));
});

test("the port spawns a process, sends to it, queries it, finds it and reads it back", async () => {
  const module = network.modules.aos ?? "";
  await ao.preflight({ module }, budget());
  const input = {
    intent: "p/s/battle/1/spawn",
    module,
    scheduler: network.scheduler,
    authority: network.authority,
    tags: { Name: "battle", "Deployment-Key": "p/s/battle" },
  };
  const spawned = await ao.spawn(input, budget());
  processId = spawned.id;
  expect(await ao.spawn(input, budget())).toEqual({ id: processId, resent: true });
  await ao.awaitReady(processId, budget());
  await ao.settle(input.intent);

  expect((await evaluate("X = 2; return 'x is ' .. X", "eval-1")).output).toBe("x is 2");
  const failed = await evaluate("X = 3; error('boom')", "eval-2");
  expect(failed.error).toContain("boom");
  expect((await evaluate("return tostring(X)", "eval-3")).output).toBe("2");

  const sent = await evaluate(
    "Send({ Target = ao.id, Action = 'Hi', Data = 'there' }); return 'sent'",
    "eval-4",
  );
  expect(sent.messages).toContainEqual(
    expect.objectContaining({
      target: processId,
      data: "there",
      tags: expect.objectContaining({ Action: "Hi" }),
    }),
  );

  const found = await ao.find(
    { tags: { "Deployment-Key": "p/s/battle" }, owners: [wallet.address] },
    budget(),
  );
  expect(found.map(({ id }) => id)).toEqual([processId]);
  expect(Buffer.from(await ao.data(journal.open()[0]?.id ?? "", budget())).toString()).toContain("X = 2");

  const { items } = await ao.results({ processId, limit: 50 }, budget());
  expect(items.map(({ output }) => output)).toEqual(expect.arrayContaining(["x is 2", "sent"]));
  const asked = await ao.dryrun({ processId, tags: { Action: "Eval" }, data: "X = 9; return X" }, budget());
  expect(asked.output).toBe("9");
  expect((await evaluate("return tostring(X)", "eval-5")).output).toBe("2");
}, 60_000);

test("a stranger's Eval, which succeeds without effect, is recognized as not executed", async () => {
  const stranger = await makeWallet();
  const result = await evaluate("X = 'taken'", "stranger", await connect(stranger));
  expect(result.error).toBeUndefined();
  expect(looksLikeInbox(result)).toBe(true);
  expect(() => assertOwner(result, processId, stranger.address)).toThrow(/does not own the process/);
  const owners = await evaluate("return 'mine'", "owner");
  expect(looksLikeInbox(owners)).toBe(false);
}, 60_000);
