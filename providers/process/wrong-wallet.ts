import { amount } from "../../src/core/amount.ts";
import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** An AO process that does not belong to the stack's wallet. */
export interface Foreign {
  /** Member whose process it is. */
  readonly name: string;
  readonly processId: string;
  /** Address of the wallet that owns it; undefined if the process does not report it. */
  readonly owner?: string;
  /** `held` for a process that is not the one in use. */
  readonly note?: string;
}

/**
 * The error about processes of another wallet: each with its id, and the command that hands them over. Pure.
 *
 * @param name member whose diff found it
 * @param wallet address of the stack's wallet
 */
export function wrongWallet(
  name: string,
  wallet: string,
  list: readonly Foreign[],
  cause?: unknown,
): FleetError {
  const owners = [...new Set(list.map(({ owner }) => owner))];
  const whose = (owner: string | undefined) =>
    owner === undefined ? "another wallet, which the process does not report" : `the wallet ${owner}`;
  const lines = list.map(
    (one) =>
      `\n              ${labelOf(one)}: ${one.processId}${owners.length > 1 ? `, of ${whose(one.owner)}` : ""}`,
  );
  return new FleetError(
    {
      code: "WRONG_WALLET",
      what: `${amount(list.length, "process of this stack belongs", "processes of this stack belong")} to another wallet, so this one cannot change ${list.length === 1 ? "it" : "them"}.`,
      at: `processes.${name}`,
      got: `the wallet ${wallet}`,
      expected: `${owners.length === 1 ? whose(owners[0]) : "their owners' wallets"}, which ${owners.length === 1 ? "owns" : "own"}${lines.join("")}`,
      remedy: `Configure the owner's wallet: npx pulumi config set walletPath <file>. To hand the fleet over to ${wallet}, run this with the owner's wallet configured, then deploy with the new one (docs/how-to/rotate-wallet.md): npx fleet rotate-wallet --to ${wallet}`,
    },
    cause === undefined ? {} : { cause },
  );
}

const labelOf = ({ name, note }: Foreign): string => (note === undefined ? name : `${name} (${note})`);

/**
 * Asks a process with the library, by a signed message, for its current owner.
 *
 * @throws FleetError `WRONG_WALLET`: only its owner can load, retire or transfer it
 */
export async function assertOwned(
  session: Session,
  place: ProcessRef,
  budget: Budget,
  cause?: unknown,
): Promise<void> {
  const { name, processId } = place;
  const { owner } = await info(session, place, budget, "owner");
  const { address } = session.ao;
  if (owner === undefined || owner === address) return;
  throw wrongWallet(name, address, [{ name, processId, owner }], cause);
}
