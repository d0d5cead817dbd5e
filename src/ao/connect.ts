import type { Budget } from "../core/budget.ts";
import type { Journal } from "./journal/index.ts";
import { connectLegacy, EMBEDDED_LIMITS } from "./legacy/connect.ts";
import { dryRunsAs as legacyDryRuns, lookAhead as legacyLook } from "./legacy/look.ts";
import type { NetworkRef } from "./network.ts";
import type { Ao, NetworkEndpoints } from "./port.ts";
import type { Wait } from "./retry.ts";
import type { Wallet } from "./wallet.ts";

/** A network to connect to: its declared kind and its endpoints. */
export interface Place {
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
export const connect = ({ kind, endpoints }: Place, options: ConnectOptions): Ao =>
  connectLegacy({ endpoints, ...options, limits: kind === "local" ? EMBEDDED_LIMITS : {} });

/**
 * Checks that a network can host a fleet: every unit answers and is of the expected kind, and the module exists. Needs no
 * wallet and sends nothing, so a preview can run it.
 *
 * @throws FleetError with every problem; transient if all of them are
 */
export const lookAhead = (
  { endpoints }: Place,
  input: { module?: string; upload?: boolean },
  budget: Budget,
): Promise<void> => legacyLook(endpoints, input, budget);

/** Dry runs in the name of an address, without its key and without a journal: a preview has neither. */
export const dryRunsAs = ({ endpoints }: Place, address: string): Pick<Ao, "address" | "dryrun"> =>
  legacyDryRuns(endpoints, address);
