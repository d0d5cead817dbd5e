import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CASES, type Case, type CaseName } from "./cases.ts";
import { ContractClient, type ContractNetwork, testWallet } from "./client.ts";

/** How a network differs from a faithful one, and why a client can work with it. */
export interface Difference {
  /** One sentence for a reader. */
  readonly says: string;
  /** What a client observes instead. */
  readonly is: unknown;
}

export type KnownDifferences = Partial<Record<CaseName, Difference>>;

/**
 * The contract of a network, tested through aoconnect in legacy mode. A known difference is asserted as it is, so that
 * the suite fails once the network is fixed and the entry can be removed.
 */
export function networkContract(
  name: string,
  start: () => Promise<ContractNetwork>,
  known: KnownDifferences = {},
  cases: Readonly<Record<string, Case>> = CASES,
): void {
  describe(`the contract of a network: ${name}`, () => {
    let network: ContractNetwork;
    let owner: ContractClient;
    let stranger: ContractClient;
    let process: Promise<string> | undefined;
    const shared = () => {
      process ??= owner.spawn();
      return process;
    };

    beforeAll(async () => {
      network = await start();
      owner = new ContractClient(network, testWallet());
      stranger = new ContractClient(network, testWallet());
    }, 120_000);
    afterAll(async () => {
      await network?.close();
    }, 60_000);

    for (const [title, { faithful, observe }] of Object.entries(cases) as [CaseName, Case][]) {
      const difference = known[title];
      test(difference ? `${title} (differs: ${difference.says})` : title, async () => {
        const seen = await observe({ owner, stranger, shared });
        if (difference) {
          expect(isDeepStrictEqual(difference.is, faithful), "a difference that is none").toBe(false);
          expect(seen).toEqual(difference.is);
        } else expect(seen).toEqual(faithful);
      }, 60_000);
    }
  });
}
