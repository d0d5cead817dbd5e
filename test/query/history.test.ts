import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import type { Wallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { type History, historyOf, resultIdOf } from "../../src/fleet/history.ts";
import { makeWallet } from "../ao/wallets.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { type Simnet, startSimnet } from "../simnet/index.ts";

/** The messages of a process in order, read from a scheduler unit as strict as the real one. */
const folder = temporaryFolder("history");
let net: Simnet;
let journal: Journal;
let ao: Ao;
let spawned: string;
let busy: string;

let wallet: Wallet;

/** @param page messages per call */
const history = (page = 500): History =>
  historyOf(
    {
      session: {
        ao: connectLegacy({ endpoints: net.endpoints, wallet, journal, limits: { firstRead: 0, page } }),
      },
    },
    20,
  );

beforeAll(async () => {
  net = await startSimnet();
  journal = await openJournal(join(folder, "p.s.jsonl"));
  wallet = await makeWallet();
  ao = connectLegacy({
    endpoints: net.endpoints,
    wallet,
    journal,
    limits: { firstRead: 0 },
  });
  const { scheduler, authority } = net.endpoints;
  const spawn = async (intent: string) => {
    const { id } = await ao.spawn(
      { intent, module: net.module, scheduler, authority, tags: {} },
      budgetOf(20),
    );
    await ao.awaitReady(id, budgetOf(20));
    return id;
  };
  [spawned, busy] = [await spawn("a"), await spawn("b")];
  for (const word of ["one", "two", "three", "four", "five"]) {
    const sent = { intent: word, processId: busy, tags: { Action: word }, data: word };
    await ao.send(sent, budgetOf(20));
  }
}, 60_000);
afterAll(async () => {
  await journal.close();
  await net.close();
});

const actions = async (from: number, to: number, page?: number) =>
  (await history(page).range(busy, from, to)).map(({ slot, action }) => `${slot} ${action}`);

test("a range includes its first and last slot, and the spawn if it starts at 0", async () => {
  expect(await actions(2, 3)).toEqual(["2 two", "3 three"]);
  expect(await actions(5, 5)).toEqual(["5 five"]);
  expect(await actions(0, 1)).toEqual(["0 (spawn)", "1 one"]);
  expect(await actions(4, 90)).toEqual(["4 four", "5 five"]);
  expect(await actions(6, 90)).toEqual([]);
});

test("a range that is longer than a page is complete", async () => {
  expect(await actions(0, 5, 2)).toEqual(["0 (spawn)", "1 one", "2 two", "3 three", "4 four", "5 five"]);
  expect(await actions(1, 4, 2)).toEqual(["1 one", "2 two", "3 three", "4 four"]);
});

test("an uploaded and assigned message is shown with its content and its result", async () => {
  const { scheduler, authority, gatewayUrl } = net.endpoints;
  const uploading = connectLegacy({
    endpoints: { ...net.endpoints, uploadUrl: gatewayUrl, maxMessageBytes: 2000 },
    ...{ wallet: await makeWallet(), journal, limits: { firstRead: 0 } },
  });
  const spawn = { intent: "c", module: net.module, scheduler, authority, tags: {} };
  const { id: processId } = await uploading.spawn(spawn, budgetOf(20));
  const data = `return 1 + 1 --${"x".repeat(3000)}`;
  const sent = await uploading.send(
    { intent: "large", processId, tags: { Action: "Eval" }, data },
    budgetOf(20),
  );
  // `ao` stands for a reader without the sender's journal.
  const read = history();
  const [one] = await read.range(processId, 1, 1);
  expect(one).toMatchObject({ messageId: sent.id, action: "Eval", from: uploading.address, data });
  expect(one?.assignmentId).toBe(journal.byId(sent.id)?.assignment);
  expect(await read.result(processId, one ? resultIdOf(one) : "", one?.slot ?? 0)).toMatchObject({
    output: "2",
  });
});

test("a stranger who names another sender is shown as the signer, with the name as a claim", async () => {
  const stranger = connectLegacy({
    ...{ endpoints: net.endpoints, wallet: await makeWallet(), journal, limits: { firstRead: 0 } },
  });
  const { scheduler, authority } = net.endpoints;
  const { id: processId } = await ao.spawn(
    { intent: "forged", module: net.module, scheduler, authority, tags: {} },
    budgetOf(20),
  );
  await ao.awaitReady(processId, budgetOf(20));
  const forge = (from: string) =>
    stranger.send(
      {
        intent: `forge ${from}`,
        processId,
        tags: { Action: "Eval", "From-Process": from },
        data: "return 1",
      },
      budgetOf(20),
    );
  await forge(wallet.address);
  await forge(authority);
  const [first, second] = await history().range(processId, 1, 2);
  expect(first).toMatchObject({ action: "Eval", from: stranger.address, claims: wallet.address });
  expect(second).toMatchObject({ action: "Eval", from: stranger.address, claims: authority });
  const [own] = await history().range(busy, 1, 1);
  expect([own?.from, own?.claims]).toEqual([ao.address, undefined]);
});

test("the newest slot of a process without messages is its spawn's; an unknown process has none", async () => {
  const read = history();
  expect(await read.latest(busy)).toBe(5);
  expect(await read.latest(spawned)).toBe(0);
  expect(await read.range(spawned, 0, 0)).toMatchObject([{ slot: 0, messageId: spawned }]);
  expect(await read.latest("x".repeat(43))).toBeUndefined();
});
