import { join } from "node:path";
import { openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { connectMainnet } from "../../src/ao/mainnet/connect.ts";
import { nodeEndpointsOf } from "../../src/ao/mainnet/endpoints.ts";
import { resolveNetwork } from "../../src/ao/network.ts";
import { loadWallet, type WalletSource } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { Simnet } from "../simnet/index.ts";
import type { Lab } from "./case.ts";

export interface Reply {
  readonly action: string;
  readonly code: string;
  readonly data: Record<string, unknown>;
  readonly output: string;
  readonly error?: string;
}

export interface Client {
  readonly address: string;
  /** Signs and sends a message of its own, each time a new one, and reads the answer. */
  say(processId: string, tags: Record<string, string>, data?: unknown): Promise<Reply>;
}

const QUICK = { backoff: { base: 5, cap: 50, floor: 1 } };
const located = ({ network }: Simnet) =>
  resolveNetwork(network, () => Promise.reject(new Error("not local")));

/** A client of the network besides the fleet's own tools: the owner by hand, or a stranger. */
export async function clientOf(lab: Lab, net: Simnet, source: WalletSource): Promise<Client> {
  const journal = await openJournal(join(await lab.folder(), "client.jsonl"));
  lab.onEnd(() => journal.close());
  const wallet = await loadWallet(source);
  const ao =
    net.network.kind === "legacy"
      ? connectLegacy({ endpoints: net.endpoints, wallet, journal, limits: { firstRead: 0, ...QUICK } })
      : connectMainnet({ endpoints: nodeEndpointsOf(await located(net)), wallet, journal, limits: QUICK });
  let count = 0;
  return {
    address: ao.address,
    async say(processId, tags, data = {}) {
      count += 1;
      const text = typeof data === "string" ? data : JSON.stringify(data);
      const { id } = await ao.send({ intent: `m${count}`, processId, tags, data: text }, budgetOf(30));
      const evaluation = await ao.evaluation({ processId, messageId: id }, budgetOf(30));
      const reply = evaluation.messages.find(({ target }) => target === ao.address);
      const json = reply ? (JSON.parse(reply.data) as Record<string, unknown>) : {};
      const { code = "" } = (json.error ?? {}) as { code?: string };
      return {
        action: reply?.tags.Action ?? "",
        code,
        data: json,
        output: evaluation.output,
        ...(evaluation.error === undefined ? {} : { error: evaluation.error }),
      };
    },
  };
}
