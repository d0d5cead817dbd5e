import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { fieldsOfMessage } from "../../src/ao/mainnet/compose.ts";
import { nodeAt } from "../../src/ao/mainnet/node.ts";
import { resultsAt } from "../../src/ao/mainnet/results.ts";
import { scheduleAt } from "../../src/ao/mainnet/schedule.ts";
import type { OutMessage } from "../../src/ao/port.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { makeJwk } from "../ao/wallets.ts";
import { type Player, playerOf, type Said } from "./player.ts";

/** A player on a HyperBEAM node: it posts each message once, and reads the answer at the slots from its own on. */
export async function newNodePlayer(nodeUrl: string, jwk?: Record<string, string>): Promise<Player> {
  const wallet = await loadWallet({ jwk: jwk ?? (await makeJwk()) });
  const { address } = wallet;
  const node = nodeAt(nodeUrl, { concurrency: 8, timeout: 60_000 });
  const [schedule, results] = [scheduleAt(node), resultsAt(node)];

  const mine = (messages: readonly OutMessage[], correlation: string): Said | undefined =>
    messages.find(({ target, tags }) => target === address && tags["Correlation-Id"] === correlation);

  /** A reply that needs another process is in a later slot. */
  async function replyFrom(process: string, from: number, correlation: string): Promise<Said> {
    const budget = budgetOf(30);
    for (let next = from; budget.remaining() > 0; ) {
      const last = (await schedule.current(process, budget)) ?? 0;
      for (; next <= last; next += 1) {
        const { messages } = await results.at({ processId: process, messageId: "", slot: next }, budget);
        const reply = mine(messages, correlation);
        if (reply) return reply;
      }
      await sleep(100);
    }
    throw new Error(`no answer to ${correlation}`);
  }

  const say: Player["say"] = async (process, action, data, more = {}) => {
    const correlation = randomUUID();
    const tags = { Action: action, "Correlation-Id": correlation, ...more };
    const item = await wallet.sign(await fieldsOfMessage({ intent: "", processId: process, tags, data }));
    const budget = budgetOf(60);
    const from = (await schedule.current(process, budget)) ?? 0;
    await node.ask({ path: `/${process}~process@1.0/push`, item: item.raw }, budget);
    // Whatever it answered: the schedule decides.
    const slot = await schedule.slotOf({ processId: process, id: item.id, from }, budget);
    if (slot === undefined) throw new Error(`the node did not schedule ${action}`);
    return replyFrom(process, slot, correlation);
  };
  return playerOf(address, say);
}
