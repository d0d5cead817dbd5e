/** A scheduler that answers from a replica of its database: its "not found" may be older than what it accepted. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy, type LegacyLimits } from "../../src/ao/legacy/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import type { Wallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { type Simnet, startSimnet } from "../simnet/index.ts";
import { makeWallet } from "./wallets.ts";

let net: Simnet;
let wallet: Wallet;
let journal: Journal;

beforeAll(async () => {
  net = await startSimnet();
  wallet = await makeWallet();
  journal = await openJournal(join(temporaryFolder("replica"), "journal.jsonl"));
});
afterAll(async () => {
  await journal.close();
  await net.close();
});

const connect = (limits: LegacyLimits) =>
  connectLegacy({
    endpoints: net.endpoints,
    ...{ wallet, journal },
    limits: { firstRead: 0, inFlight: 20, backoff: { base: 20, cap: 50 }, ...limits },
  });
const spawn = (ao: Ao, intent: string) =>
  ao.spawn({ intent, module: net.module, tags: { Name: intent } }, budgetOf(20));
/** What the process answers: no compute unit evaluates anything after a spawn that was posted twice. */
async function evaluated(ao: Ao, processId: string): Promise<string> {
  const asked = { processId, tags: { Action: "Eval" }, data: "return 7" };
  const { id } = await ao.send({ intent: `${processId}/eval`, ...asked }, budgetOf(20));
  return (await ao.evaluation({ processId, messageId: id }, budgetOf(20))).output;
}

test("a spawn whose answer was lost is not posted again while the replica may be behind", async () => {
  const ends = [net.behaviours.acceptAndLoseAnswer({ times: 1 }), net.behaviours.schedulerLag(1000)];
  const ao = connect({ schedulerLag: 10_000 });
  const { id } = await spawn(ao, "lost");
  for (const end of ends) end();
  expect(await evaluated(ao, id)).toBe("7");
});

test("a process that has messages is not spawned again, however far the replica is behind", async () => {
  const ao = connect({});
  const { id } = await spawn(ao, "used");
  expect(await evaluated(ao, id)).toBe("7");
  const end = net.behaviours.schedulerLag(60_000);
  const again = connect({});
  expect(await spawn(again, "used")).toEqual({ id, resent: true });
  end();
  const { id: next } = await again.send(
    { intent: "next", processId: id, tags: { Action: "Eval" }, data: "return 8" },
    budgetOf(20),
  );
  expect((await again.evaluation({ processId: id, messageId: next }, budgetOf(20))).output).toBe("8");
});
