import { randomUUID } from "node:crypto";
import { connect, createSigner } from "@permaweb/aoconnect/node";
import { loadWallet } from "../../src/ao/wallet.ts";
import type { LocalNetworkInfo } from "../../src/localnet/index.ts";
import { makeJwk } from "../ao/wallets.ts";

export interface Answer {
  readonly success: boolean;
  readonly error?: { code: string };
  readonly [key: string]: unknown;
}

/** A player: a wallet of its own and plain aoconnect, like any client of the fleet. */
export interface Player {
  readonly address: string;
  /** Calls a process directly. */
  ask(processId: string, action: string, data: object): Promise<Answer>;
  /** The same with any data and tags; returns the reply unchanged. */
  say(
    processId: string,
    action: string,
    data: string,
    tags?: Readonly<Record<string, string>>,
  ): Promise<Said>;
  /** Calls a service through the coordinator, and waits for the coordinator's answer. */
  route(coordinator: string, service: string, action: string, data: object): Promise<Answer>;
}

/** A reply, in whatever shape it has. */
export interface Said {
  readonly tags: Readonly<Record<string, string>>;
  readonly data: string;
}

interface Outgoing {
  Target: string;
  Data: string;
  Tags: { name: string; value: string }[];
}

/** aoconnect as any client uses it. */
export const plainClient = ({ gatewayUrl, muUrl, cuUrl }: LocalNetworkInfo) =>
  connect({ MODE: "legacy", GATEWAY_URL: gatewayUrl, MU_URL: muUrl, CU_URL: cuUrl });

export async function newPlayer(network: LocalNetworkInfo, jwk?: Record<string, string>): Promise<Player> {
  const key = jwk ?? (await makeJwk());
  const { address } = await loadWallet({ jwk: key });
  const signer = createSigner(key);
  const ao = plainClient(network);

  const mine = (messages: readonly Outgoing[], correlation: string): Said | undefined => {
    const found = messages.find(
      ({ Target, Tags }) =>
        Target === address &&
        Tags.some(({ name, value }) => name === "Correlation-Id" && value === correlation),
    );
    return (
      found && {
        data: found.Data,
        tags: Object.fromEntries(found.Tags.map(({ name, value }) => [name, value])),
      }
    );
  };

  /** A reply that needs another process comes in a later evaluation: it is searched in the newest ones. */
  async function later(process: string, correlation: string): Promise<Said> {
    for (let look = 0; look < 150; look += 1) {
      const { edges } = await ao.results({ process, sort: "DESC", limit: 25 });
      for (const { node } of edges) {
        const answer = mine(node.Messages as Outgoing[], correlation);
        if (answer) return answer;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no answer to ${correlation}`);
  }

  const say: Player["say"] = async (process, action, data, more = {}) => {
    const correlation = randomUUID();
    const named = { Action: action, "Correlation-Id": correlation, ...more };
    const tags = Object.entries(named).map(([name, value]) => ({ name, value }));
    const message = String(await ao.message({ process, signer, tags, data }));
    const { Messages } = await ao.result({ process, message });
    return mine(Messages as Outgoing[], correlation) ?? (await later(process, correlation));
  };
  return playerOf(address, say);
}

/** A player who sends by `say`. */
export function playerOf(address: string, say: Player["say"]): Player {
  const ask: Player["ask"] = async (process, action, data) =>
    JSON.parse((await say(process, action, JSON.stringify(data))).data) as Answer;

  return {
    address,
    say,
    ask,
    route: (coordinator, service, action, data) => ask(coordinator, "ROUTE", { service, action, data }),
  };
}
