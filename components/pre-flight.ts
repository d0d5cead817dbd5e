import { checkNetwork } from "../src/ao/connect.ts";
import { type CompleteNetworkRef, remoteNetwork } from "../src/ao/network.ts";
import { loadWallet, type Wallet } from "../src/ao/wallet.ts";
import { budgetOf } from "../src/core/budget.ts";
import type { Problem } from "../src/core/errors.ts";
import { settleAll } from "../src/core/settle-all.ts";
import type { StackSettings } from "../src/fleet/session/session.ts";
import { walletSource } from "../src/fleet/session/wallet.ts";
import type { PlannedNeeds } from "./needs.ts";

/** Seconds that a preview waits for units that do not answer. */
const PREFLIGHT_SECONDS = 15;

/**
 * Checks what would make every create fail before anything is sent: the wallet, and that the network has what the plan needs. The
 * embedded network is not checked, because the run itself starts it.
 *
 * @returns warnings
 * @throws FleetError with every problem at once
 */
export async function preFlight(
  config: StackSettings,
  network: CompleteNetworkRef,
  needs: PlannedNeeds,
): Promise<Problem[]> {
  const wallet = walletOf(config);
  const [, warnings] = await settleAll([wallet, warningsOf(network, needs, wallet)]);
  return warnings;
}

async function warningsOf(
  network: CompleteNetworkRef,
  needs: PlannedNeeds,
  wallet: Promise<Wallet>,
): Promise<Problem[]> {
  switch (network.kind) {
    case "local":
      return [];
    case "legacy":
    case "mainnet":
      return lookAt(network, needs, wallet);
    default:
      return network satisfies never;
  }
}

/** Without a wallet, which is a problem of its own, what it can pay is not asked. */
async function lookAt(
  network: Exclude<CompleteNetworkRef, { kind: "local" }>,
  { spending, ...needs }: PlannedNeeds,
  wallet: Promise<Wallet>,
): Promise<Problem[]> {
  const payer = await wallet.then(
    ({ address }) => address,
    () => undefined,
  );
  const paid = spending === undefined || payer === undefined ? {} : { spending: { ...spending, payer } };
  return checkNetwork(remoteNetwork(network), { ...needs, ...paid }, budgetOf(PREFLIGHT_SECONDS));
}

async function walletOf(config: StackSettings): Promise<Wallet> {
  return loadWallet(walletSource(config), { proves: true });
}
