import type { Budget } from "../core/budget.ts";
import type { Journal } from "./journal/index.ts";
import { connectLegacy, EMBEDDED_LIMITS } from "./legacy/connect.ts";
import { dryRunsAs as legacyDryRuns, lookAhead as legacyLook } from "./legacy/look.ts";
import type { NetworkRef } from "./network.ts";
import type { Ao, NetworkEndpoints } from "./port.ts";
import type { Wait } from "./retry.ts";
import type { Wallet } from "./wallet.ts";

/** A network to connect to: what is declared of it, and where it is. */
export interface Place {
  readonly kind: NetworkRef["kind"];
  readonly endpoints: NetworkEndpoints;
}

/** In whose name, and what is kept of it. */
export interface ConnectOptions {
  readonly wallet: Wallet;
  readonly journal: Journal;
  /** Told of calls that have to be repeated or take long, while they wait. @default nobody */
  readonly onWait?: (wait: Wait) => void;
}

/** The one place that knows which adapter speaks to a network. */
export const connect = ({ kind, endpoints }: Place, options: ConnectOptions): Ao =>
  connectLegacy({ endpoints, ...options, limits: kind === "local" ? EMBEDDED_LIMITS : {} });

/**
 * Looks whether a network can take a fleet: every unit answers and is what it should be, and the module is there. Needs no
 * wallet and sends nothing, so a preview may do it.
 *
 * @throws FleetError with every problem; transient when all of them are
 */
export const lookAhead = (
  { endpoints }: Place,
  input: { module?: string; upload?: boolean },
  budget: Budget,
): Promise<void> => legacyLook(endpoints, input, budget);

/** Dry runs as an address, without its key and without a journal: a preview holds neither. */
export const dryRunsAs = ({ endpoints }: Place, address: string): Pick<Ao, "address" | "dryrun"> =>
  legacyDryRuns(endpoints, address);
