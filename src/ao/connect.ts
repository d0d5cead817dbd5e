import type { Budget } from "../core/budget.ts";
import type { Problem } from "../core/errors.ts";
import type { Journal } from "./journal/index.ts";
import { connectLegacy, EMBEDDED_LIMITS } from "./legacy/connect.ts";
import { endpointsOf } from "./legacy/endpoints.ts";
import { checkNetwork as checkLegacy, dryRunsAs as legacyDryRuns } from "./legacy/preview.ts";
import { connectMainnet, EMBEDDED_NODE } from "./mainnet/connect.ts";
import { executionDevice as nodeDevice } from "./mainnet/device.ts";
import { nodeEndpointsOf } from "./mainnet/endpoints.ts";
import { type NodeIdentity, nodeChanged } from "./mainnet/identity.ts";
import {
  checkNetwork as checkNode,
  hashModule,
  identifyNode,
  dryRunsAs as nodeDryRuns,
} from "./mainnet/preview.ts";
import { publishedPath } from "./mainnet/published.ts";
import { tagProblems as nodeTagProblems } from "./mainnet/tags.ts";
import type { Needs } from "./needs.ts";
import { type NetworkRef, type Protocol, protocolOf, type ResolvedNetwork } from "./network.ts";
import type { Ao, PublishedInput, Tags } from "./port.ts";
import type { Wait } from "./retry.ts";
import { tagProblems as legacyTagProblems } from "./shared/tags.ts";
import type { Wallet } from "./wallet.ts";

/** The wallet that signs and the journal that records what was signed. */
interface ConnectOptions {
  readonly wallet: Wallet;
  readonly journal: Journal;
  /** Called while a call is slow or waits to be retried. @default none */
  readonly onWait?: (wait: Wait) => void;
  /** Receives notices for the user, one line each, such as that a message was sent again. @default none */
  readonly log?: (line: string) => void;
  /** Whether it may spawn a process to prove that another one has ended, so that it may be replaced. @default false */
  readonly provesRuin?: boolean;
}

/** What the rooms above need of a protocol. */
interface Adapter {
  connect(network: ResolvedNetwork, options: ConnectOptions): Ao;
  /** See `checkNetwork`. */
  check(network: ResolvedNetwork, needs: Needs, budget: Budget): Promise<Problem[]>;
  dryRunsAs(network: ResolvedNetwork, address: string): Pick<Ao, "address" | "dryrun" | "dryRunner">;
  tagProblems(tags: Tags, at: string): Problem[];
  /** See `executionDevice`. */
  device(tags: Tags): string | undefined;
  /** See `publishedUrl`. */
  publishedUrl(network: ResolvedNetwork, input: PublishedInput): string | undefined;
}

/** Twice what a replica of PostgreSQL, the database of scheduler units, may be behind by default while it answers queries. */
const SCHEDULER_LAG_SECONDS = 60;

/** The only place that selects the adapter for a network. */
const ADAPTERS: Readonly<Record<Protocol, Adapter>> = {
  legacy: {
    connect: (network, options) =>
      connectLegacy({
        ...{ endpoints: endpointsOf(network), ...options },
        limits:
          network.kind === "local"
            ? EMBEDDED_LIMITS
            : { schedulerLag: (network.schedulerLagSeconds ?? SCHEDULER_LAG_SECONDS) * 1000 },
      }),
    check: (network, needs, budget) => checkLegacy(endpointsOf(network), needs, budget).then(() => []),
    dryRunsAs: (network, address) => legacyDryRuns(endpointsOf(network), address),
    tagProblems: (tags, at) => legacyTagProblems(tags, at),
    device: () => undefined,
    publishedUrl: () => undefined,
  },
  mainnet: {
    connect: (network, options) =>
      connectMainnet({
        ...{ endpoints: nodeEndpointsOf(network), ...options },
        limits: network.kind === "local" ? EMBEDDED_NODE : {},
      }),
    check: (network, needs, budget) => checkNode(nodeEndpointsOf(network), needs, budget),
    dryRunsAs: (network, address) => nodeDryRuns(nodeEndpointsOf(network), address),
    tagProblems: nodeTagProblems,
    device: nodeDevice,
    publishedUrl: (network, input) =>
      `${nodeEndpointsOf(network).nodeUrl.replace(/\/+$/, "")}${publishedPath(input)}`,
  },
};

export const connect = (network: ResolvedNetwork, options: ConnectOptions): Ao =>
  ADAPTERS[network.protocol].connect(network, options);

/**
 * Checks that a network can host a fleet: every unit answers and is of the expected kind, and has what the fleet needs. Needs no
 * key and sends nothing, so a preview can run it.
 *
 * @returns warnings
 * @throws FleetError with every problem; transient if all of them are
 */
export const checkNetwork = (network: ResolvedNetwork, needs: Needs, budget: Budget): Promise<Problem[]> =>
  ADAPTERS[network.protocol].check(network, needs, budget);

export { type NodeIdentity, nodeChanged };

/** Who the node of a mainnet network is. @throws ZodError for a network without a node */
export const identify = (network: ResolvedNetwork, budget: Budget): Promise<NodeIdentity> =>
  identifyNode(nodeEndpointsOf(network), budget);

/** The sha-256 of a module's bytes, as the gateway of a mainnet network serves them. @throws ZodError for a network without a node */
export const moduleHash = (network: ResolvedNetwork, id: string, budget: Budget): Promise<string> =>
  hashModule(nodeEndpointsOf(network), id, budget);

/** The device that runs a process with these spawn tags; undefined on networks without devices. */
export const executionDevice = (ref: NetworkRef, tags: Tags): string | undefined =>
  ADAPTERS[protocolOf(ref)].device(tags);

/** Every tag of a spawn or a message that a declared network cannot carry (`TAGS_INVALID`), without contacting it. Pure. */
export const tagProblems = (ref: NetworkRef, tags: Tags, at: string): Problem[] =>
  ADAPTERS[protocolOf(ref)].tagProblems(tags, at);

/** Where a browser shows what a process publishes; undefined on networks that serve no published state. Pure. */
export const publishedUrl = (network: ResolvedNetwork, input: PublishedInput): string | undefined =>
  ADAPTERS[network.protocol].publishedUrl(network, input);

/** Dry runs in the name of an address, without its key and without a journal: a preview has neither. */
export const dryRunsAs = (
  network: ResolvedNetwork,
  address: string,
): Pick<Ao, "address" | "dryrun" | "dryRunner"> => ADAPTERS[network.protocol].dryRunsAs(network, address);
