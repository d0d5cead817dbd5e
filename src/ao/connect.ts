import type { Budget } from "../core/budget.ts";
import type { Journal } from "./journal/index.ts";
import { connectLegacy, EMBEDDED_LIMITS } from "./legacy/connect.ts";
import { checkNetwork as checkLegacy, dryRunsAs as legacyDryRuns } from "./legacy/preview.ts";
import type { NetworkRef } from "./network.ts";
import type { Ao, NetworkEndpoints } from "./port.ts";
import type { Wait } from "./retry.ts";
import type { Wallet } from "./wallet.ts";

/** A network to connect to: its declared kind and its endpoints. */
export interface ResolvedNetwork {
  readonly kind: NetworkRef["kind"];
  readonly endpoints: NetworkEndpoints;
}

/** The wallet that signs and the journal that records what was signed. */
export interface ConnectOptions {
  readonly wallet: Wallet;
  readonly journal: Journal;
  /** Called while a call is slow or waits to be retried. @default none */
  readonly onWait?: (wait: Wait) => void;
}

/** The only place that selects the adapter for a network. */
export const connect = ({ kind, endpoints }: ResolvedNetwork, options: ConnectOptions): Ao =>
  connectLegacy({ endpoints, ...options, limits: kind === "local" ? EMBEDDED_LIMITS : {} });

/**
 * Checks that a network can host a fleet: every unit answers and is of the expected kind, and the module exists. Needs no
 * wallet and sends nothing, so a preview can run it.
 *
 * @throws FleetError with every problem; transient if all of them are
 */
export const checkNetwork = (
  { endpoints }: ResolvedNetwork,
  input: { module?: string; upload?: boolean },
  budget: Budget,
): Promise<void> => checkLegacy(endpoints, input, budget);

/** Dry runs in the name of an address, without its key and without a journal: a preview has neither. */
export const dryRunsAs = ({ endpoints }: ResolvedNetwork, address: string): Pick<Ao, "address" | "dryrun"> =>
  legacyDryRuns(endpoints, address);
