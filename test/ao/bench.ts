import { join } from "node:path";
import { afterEach, beforeAll, beforeEach } from "vitest";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import type { Wallet } from "../../src/ao/wallet.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { startUnits, type Units } from "./units.ts";
import { makeWallet } from "./wallets.ts";

/**
 * What the tests of a file that imports this have: one wallet for all, and for each test its own units and journal. A call that timed
 * out may still reach the units it was sent to.
 */
export let wallet: Wallet;
export let units: Units;
export let journal: Journal;

const folder = temporaryFolder("ao");

beforeAll(async () => {
  wallet = await makeWallet();
});
beforeEach(async ({ task }) => {
  units = await startUnits();
  journal = await openJournal(join(folder, `${task.id}.jsonl`));
});
afterEach(async () => {
  await journal.close();
  await units.close();
});
