import { z } from "zod";
import { ADDRESS } from "../core/address.ts";
import type { LegacyEndpoints } from "./legacy/endpoints.ts";

/** Where a network is reached that a declaration does not name: public nodes, units and addresses. */
export const NETWORK_DEFAULTS = {
  gatewayUrl: "https://arweave.net",
  nodeUrl: "https://push.forward.computer",
  muUrl: "https://mu.ao-testnet.xyz",
  cuUrl: "https://cu.ao-testnet.xyz",
  scheduler: "_GQ33BkPtZrqxA84vM8Zk-N2aO0toNNu_C-l-rawrBA",
  authority: "fcoN_xJeisVsPXA-trzVAuIiqO3ydLQxM-L4XbrQKzY",
} as const;

/** The largest message body that messenger units of the legacy protocol accept: 10 MB. */
export const MAX_MESSAGE_BYTES = 10_000_000;
const messageBytes = z.number().int().min(20_000).optional();

const url = z.url({ protocol: /^https?$/ });
/** 32 bytes in base64url: an address or an id. */
const address = z.string().regex(ADDRESS, "expected 43 characters of base64url");

/** A network that is run by others, reached by the legacy protocol. */
const LegacyRefSchema = z.strictObject({
  kind: z.literal("legacy"),
  /** Serves data. Default `https://arweave.net`. */
  gatewayUrl: url.default(NETWORK_DEFAULTS.gatewayUrl),
  /** Serves the index. Default: `graphql` below the gateway. */
  graphqlUrl: url.optional(),
  /** The messenger unit. Default `https://mu.ao-testnet.xyz`. */
  muUrl: url.default(NETWORK_DEFAULTS.muUrl),
  /** The compute unit. Default `https://cu.ao-testnet.xyz`. */
  cuUrl: url.default(NETWORK_DEFAULTS.cuUrl),
  /** The address of the scheduler for new processes. Default: the well-known one. */
  scheduler: address.default(NETWORK_DEFAULTS.scheduler),
  /** The unit of that scheduler. Default: the URL that the scheduler published on the gateway (`Scheduler-Location`). */
  suUrl: url.optional(),
  /**
   * Seconds by which the scheduler unit's answers may be behind what it accepted, as with a replica of its database. For so long, its "not
   * found" does not allow a second post of a spawn or a second assignment. 0 for a unit that reads from the database that it writes to.
   * @default 60
   */
  schedulerLagSeconds: z.number().min(0).max(3600).optional(),
  /** The address whose pushes between processes are trusted. Default: the well-known messenger unit's. */
  authority: address.default(NETWORK_DEFAULTS.authority),
  /**
   * An upload service for data items of any size (`POST <url>/tx`), such as `https://up.arweave.net`; uploads may cost money.
   * Modules, and programs that are too large for one message, are uploaded there. @default none
   */
  uploadUrl: url.optional(),
  /** Largest accepted message in bytes; a larger program is uploaded. @default 10000000 */
  maxMessageBytes: messageBytes,
});

/** AO's production network, reached through one HyperBEAM node. */
const MainnetRefSchema = z.strictObject({
  kind: z.literal("mainnet"),
  /** The node that orders, evaluates and delivers messages. Default `https://push.forward.computer`. */
  nodeUrl: url.default(NETWORK_DEFAULTS.nodeUrl),
  /** Serves data. Default `https://arweave.net`. */
  gatewayUrl: url.default(NETWORK_DEFAULTS.gatewayUrl),
  /** Serves the index. Default: `graphql` below the gateway. */
  graphqlUrl: url.optional(),
  /** The node's own address: a node that names another one is refused. Default: not checked. `Fleet` pins it in `fleet.lock.json`. */
  nodeAddress: address.optional(),
  /** The address of the scheduler for new processes. Default: the node's. */
  scheduler: address.optional(),
  /** The address whose pushes between processes are trusted. Default: the node's. */
  authority: address.optional(),
  /** An upload service for data items of any size (`POST <url>/tx`). Modules are uploaded there. @default none */
  uploadUrl: url.optional(),
  /** Largest accepted message in bytes. @default 10000000 */
  maxMessageBytes: messageBytes,
});

/** The embedded network, whose state is in a folder. */
const LocalRefSchema = z.strictObject({
  kind: z.literal("local"),
  /** The folder with its state. */
  dir: z.string().min(1),
  /** Protocol of the fleet: `legacy` (its messenger, scheduler and compute units) or `mainnet` (its HyperBEAM node). @default legacy */
  protocol: z.enum(["legacy", "mainnet"]).optional(),
  /** Largest accepted message in bytes; a larger program is uploaded. @default 10000000 */
  maxMessageBytes: messageBytes,
});

/** The network of a fleet, as declared. */
export const NetworkRefSchema = z.discriminatedUnion("kind", [
  LegacyRefSchema,
  MainnetRefSchema,
  LocalRefSchema,
]);
export type NetworkRef = z.input<typeof NetworkRefSchema>;
/** The same with its defaults. */
export type CompleteNetworkRef = z.output<typeof NetworkRefSchema>;

/** Every kind of network. */
export const NETWORK_KINDS: readonly NetworkRef["kind"][] = NetworkRefSchema.options.map(
  ({ shape }) => shape.kind.value,
);

/** How a network is talked to: there is one for each kind that others run, and the embedded network serves several. */
export type Protocol = Exclude<NetworkRef["kind"], "local">;

/** The protocols that the embedded network serves. */
export type LocalProtocol = NonNullable<z.output<typeof LocalRefSchema>["protocol"]>;

/** What is known of a protocol without contacting a network. */
interface ProtocolTraits {
  /** Whether a message that is posted again may be evaluated again. */
  readonly repeats: boolean;
  /** Whether a message that is too large can be uploaded, and then assigned. */
  readonly uploadsMessages: boolean;
  /** Whether its units send the ticks of `Cron-Interval`. */
  readonly crons: boolean;
  /** Whether a process runs on the device that its tags name, as on a HyperBEAM node. */
  readonly devices: boolean;
  /** As `Ao.chains`. */
  readonly chains: boolean;
}

/** Every protocol has to answer. */
const TRAITS: Readonly<Record<Protocol, ProtocolTraits>> = {
  legacy: { repeats: false, uploadsMessages: true, crons: true, devices: false, chains: true },
  mainnet: { repeats: true, uploadsMessages: false, crons: false, devices: true, chains: false },
};

/** The address of a page in an explorer. */
type Explorer = (what: "entity" | "message", id: string) => string;

const aoLink: Explorer = (what, id) => `https://www.ao.link/#/${what}/${id}`;

/** What is known of a kind of network, whatever its protocol. Every kind has to answer. */
const KIND_TRAITS: Readonly<
  Record<NetworkRef["kind"], { readonly permanent: boolean; readonly explorer: Explorer | null }>
> = {
  legacy: { permanent: true, explorer: aoLink },
  mainnet: { permanent: true, explorer: aoLink },
  local: { permanent: false, explorer: null },
};

/** The addresses of a running embedded network: its legacy units, and its node. */
export interface LocalUnits extends LegacyEndpoints {
  readonly nodeUrl?: string;
  readonly nodeAddress?: string;
}

/** The units of the embedded network, by role in the words of each adapter. */
const LOCAL_UNITS: Readonly<Record<LocalProtocol, (units: LocalUnits) => ResolvedNetwork["units"]>> = {
  legacy: ({ gatewayUrl, graphqlUrl, muUrl, cuUrl, suUrl, scheduler, authority }) => ({
    ...{ gatewayUrl, graphqlUrl, muUrl, cuUrl, scheduler, authority, uploadUrl: gatewayUrl },
    ...(suUrl === undefined ? {} : { suUrl }),
  }),
  mainnet: ({ gatewayUrl, graphqlUrl, nodeUrl = "", nodeAddress = "" }) => ({
    ...{ nodeUrl, gatewayUrl, graphqlUrl, uploadUrl: gatewayUrl },
    ...{ nodeAddress, scheduler: nodeAddress, authority: nodeAddress },
  }),
};

/** A network with its units located. Only the adapter that `protocol` selects interprets `units`; everything above `src/ao` passes them on. */
export interface ResolvedNetwork {
  readonly kind: NetworkRef["kind"];
  /** Selects the adapter. */
  readonly protocol: Protocol;
  /** Role of each unit, in the adapter's words → its URL or address. */
  readonly units: Readonly<Record<string, string>>;
  /** Largest message in bytes that the network accepts. */
  readonly maxMessageBytes: number;
  /** Seconds by which answers of the scheduler's unit may be behind, if the declaration says so. */
  readonly schedulerLagSeconds?: number;
  /** Whether a message that is posted again may be evaluated again. */
  readonly repeats: boolean;
}

/**
 * Locates the units of a declared network, with defaults filled in.
 *
 * @param local starts or finds the embedded network of a folder; injected, because this room does not import `src/localnet`
 * @throws ZodError if the declaration is invalid
 */
export async function resolveNetwork(
  ref: NetworkRef,
  local: (dir: string) => Promise<LocalUnits>,
): Promise<ResolvedNetwork> {
  const parsed = NetworkRefSchema.parse(ref);
  if (parsed.kind !== "local") return remoteNetwork(parsed);
  const { kind, dir, protocol = "legacy" } = parsed;
  const units = LOCAL_UNITS[protocol](await local(dir));
  const { maxMessageBytes } = capacityOf(parsed);
  return { kind, protocol, units, maxMessageBytes, repeats: TRAITS[protocol].repeats };
}

/** The units of a network that is run by others: all of them are declared. Pure. */
export function remoteNetwork(ref: Exclude<CompleteNetworkRef, { kind: "local" }>): ResolvedNetwork {
  const { maxMessageBytes } = capacityOf(ref);
  const { kind, maxMessageBytes: _, ...declared } = ref;
  const graphqlUrl = declared.graphqlUrl ?? `${declared.gatewayUrl.replace(/\/+$/, "")}/graphql`;
  const units = Object.fromEntries(
    Object.entries({ ...declared, graphqlUrl }).flatMap(([role, unit]) =>
      typeof unit === "string" ? [[role, unit]] : [],
    ),
  );
  const protocol = protocolOf(ref);
  const lag = ref.kind === "legacy" ? ref.schedulerLagSeconds : undefined;
  return {
    ...{ kind, protocol, units, maxMessageBytes, repeats: TRAITS[protocol].repeats },
    ...(lag === undefined ? {} : { schedulerLagSeconds: lag }),
  };
}

/** The protocol of a declared network. */
export function protocolOf(ref: NetworkRef): Protocol {
  return ref.kind === "local" ? (ref.protocol ?? "legacy") : ref.kind;
}

/**
 * The folder of a network that runs on this machine only; null for one that others run. A new kind has to answer here. Pure.
 */
export function embeddedFolder(ref: NetworkRef): string | null {
  switch (ref.kind) {
    case "local":
      return ref.dir;
    case "legacy":
    case "mainnet":
      return null;
  }
}

/** The explorer that shows what is on a network; null if none does. */
export const explorerOf = ({ kind }: Pick<ResolvedNetwork, "kind">): Explorer | null =>
  KIND_TRAITS[kind].explorer;

/** Whether the messages on a network are permanent, as on Arweave. */
export const isPermanent = ({ kind }: Pick<ResolvedNetwork, "kind">): boolean => KIND_TRAITS[kind].permanent;

/** Whether the units of a network send the ticks of `Cron-Interval`. */
export const drivesCrons = ({ protocol }: Pick<ResolvedNetwork, "protocol">): boolean =>
  TRAITS[protocol].crons;

/** What a declared network can do, known without contacting it. */
interface Capacity extends Pick<ProtocolTraits, "uploadsMessages" | "crons" | "devices" | "chains"> {
  /** Largest message in bytes. */
  readonly maxMessageBytes: number;
  /** Whether modules can be uploaded. */
  readonly uploads: boolean;
  /** Whether its messages are permanent, as on Arweave. */
  readonly permanent: boolean;
}

export function capacityOf(ref: NetworkRef): Capacity {
  const uploads = ref.kind === "local" || ref.uploadUrl !== undefined;
  const { uploadsMessages, crons, devices, chains } = TRAITS[protocolOf(ref)];
  return {
    maxMessageBytes: ref.maxMessageBytes ?? MAX_MESSAGE_BYTES,
    uploads,
    uploadsMessages: uploads && uploadsMessages,
    ...{ crons, devices, chains, permanent: KIND_TRAITS[ref.kind].permanent },
  };
}

/** Keys of published state that HyperBEAM nodes use themselves, or that are functions of their devices. */
const RESERVED_KEYS =
  /^(?:device|process|results?|module|scheduler|authority|type|variant|name|id|owner|data|target|anchor|action|tags|body|path|method|from|to|at-slot|slot|now|compute|push|schedule|snapshot|state|init|keys|set|get|remove|verify|commit|commitments|committed|hashpath|priv|test-.*|patch-.*|.*-device)$/i;

/** Whether a process must not publish anything under a key. The same for every network, so that a program fits all. Pure. */
export const isReservedKey = (key: string): boolean => RESERVED_KEYS.test(key);
