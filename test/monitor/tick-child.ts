/**
 * A monitor that sends what is due to one process and ends: in a process of its own, which tests kill. Time that it would wait passes at
 * once.
 *
 *     node tick-child.ts <TickChild as JSON>
 */
import { openJournal } from "../../src/ao/journal/index.ts";
import { connectMainnet, EMBEDDED_NODE } from "../../src/ao/mainnet/connect.ts";
import type { NodeEndpoints } from "../../src/ao/mainnet/endpoints.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { type Ticked, Ticker } from "../../src/operations/tick/ticker.ts";

export interface TickChild {
  readonly endpoints: NodeEndpoints;
  /** Path of the wallet. */
  readonly wallet: string;
  /** Path of the journal. */
  readonly journal: string;
  readonly ticked: Ticked;
  /** Milliseconds by which its clock is ahead. */
  readonly ahead: number;
}

const given = JSON.parse(process.argv[2] ?? "") as TickChild;
const journal = await openJournal(given.journal);
const ao = connectMainnet({
  endpoints: given.endpoints,
  wallet: await loadWallet({ path: given.wallet }),
  journal,
  limits: EMBEDDED_NODE,
});
let passed = given.ahead;
const clock = {
  now: () => Date.now() + passed,
  ticks: () => performance.now(),
  sleep: async (ms: number) => {
    passed += ms;
  },
};
const scope = { project: "p", stack: "s", home: "", build: "" };
const ticker = new Ticker({
  session: { scope, ao, journal },
  clock,
  ticked: async () => [given.ticked],
  note: (line) => process.stdout.write(`${line}\n`),
});
await ticker.once();
await journal.close();
