import { checkNetwork } from "../src/ao/connect.ts";
import { type CompleteNetworkRef, remoteNetwork } from "../src/ao/network.ts";
import { loadWallet } from "../src/ao/wallet.ts";
import { budgetOf } from "../src/core/budget.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import type { StackSettings } from "../src/fleet/session/session.ts";
import { type WalletSource, walletSource } from "../src/fleet/session/wallet.ts";

/** Seconds that a preview waits for units that do not answer. */
const PREFLIGHT_SECONDS = 15;

/**
 * Checks what would make every create fail before anything is sent: the wallet, the units and the modules. The embedded network is
 * not checked, because the run itself starts it.
 *
 * @param modules ids and aliases of modules that must already be on the network
 * @param upload whether the run uploads something
 * @throws FleetError with every problem at once
 */
export async function preFlight(
  config: StackSettings,
  network: CompleteNetworkRef,
  modules: readonly string[],
  upload = false,
): Promise<void> {
  const looks: Promise<unknown>[] = [walletProblem(config)];
  switch (network.kind) {
    case "local":
      break;
    case "legacy":
    case "mainnet": {
      const resolved = remoteNetwork(network);
      const wanted = modules.length > 0 ? [...new Set(modules)].map((module) => ({ module })) : [{}];
      for (const each of wanted)
        looks.push(checkNetwork(resolved, { ...each, upload }, budgetOf(PREFLIGHT_SECONDS)));
      break;
    }
    default:
      network satisfies never;
  }
  const problems: Problem[] = [];
  for (const settled of await Promise.allSettled(looks)) {
    if (settled.status === "fulfilled") continue;
    if (!(settled.reason instanceof FleetError)) throw settled.reason;
    problems.push(
      ...settled.reason.problems.filter((found) => !problems.some(({ what }) => what === found.what)),
    );
  }
  throwAll(problems);
}

async function walletProblem(config: StackSettings): Promise<void> {
  const source: WalletSource = walletSource(config);
  await loadWallet(source);
}
