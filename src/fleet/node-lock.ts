import { join } from "node:path";
import { z } from "zod";
import { NETWORK_DEFAULTS, type NetworkRef } from "../ao/network.ts";
import { ADDRESS } from "../core/address.ts";
import { FleetError } from "../core/errors.ts";
import { replaceFile } from "../core/replace-file.ts";
import { readJson } from "./files.ts";

/** The file next to Pulumi.yaml, to be committed, that pins the HyperBEAM nodes of a project's stacks. */
export const LOCK_FILE = "fleet.lock.json";

// Loose: what a later version adds to the file stays in it, and is no reason to refuse it here.
const address = z.string().regex(ADDRESS);

const PinnedModuleSchema = z.looseObject({
  /** The device of the node that runs its processes. */
  device: z.string(),
  /** Hex sha-256 of its bytes; missing if the gateway did not serve them. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type PinnedModule = z.infer<typeof PinnedModuleSchema>;

const PinnedNodeSchema = z.looseObject({
  /** The node's own address. */
  address,
  /** The scheduler and the authority of processes that are spawned through it. */
  scheduler: address,
  authority: address,
  /** Its program and version when it was pinned or last updated. */
  build: z.string().optional(),
  /** The modules that were deployed through it, by id. */
  modules: z.record(address, PinnedModuleSchema).optional(),
  /** The stacks that were deployed through it; missing in files of earlier versions, which did not note them. */
  stacks: z.array(z.string()).optional(),
});
export type PinnedNode = z.infer<typeof PinnedNodeSchema>;

const LockSchema = z.looseObject({
  version: z.literal(1),
  /** By URL. */
  nodes: z.record(z.string(), PinnedNodeSchema),
});
type NodeLock = z.infer<typeof LockSchema>;

/**
 * The lock file of a project; empty if there is none.
 *
 * @throws FleetError LOCK_DAMAGED, FILE_DAMAGED
 */
export async function readNodeLock(folder: string): Promise<NodeLock> {
  const path = join(folder, LOCK_FILE);
  const parsed = LockSchema.safeParse((await readJson(path)) ?? { version: 1, nodes: {} });
  if (parsed.success) return parsed.data;
  throw new FleetError({
    code: "LOCK_DAMAGED",
    what: `${LOCK_FILE} is not a lock file of this version.`,
    at: path,
    got: z.prettifyError(parsed.error),
    expected: "the file as pulumi up wrote it",
    remedy: "Restore it from version control, or remove it: the next pulumi up pins the nodes again.",
  });
}

/** The key of a node, however its URL is written. */
export const lockKey = (nodeUrl: string): string => nodeUrl.replace(/\/+$/, "");

/**
 * A network that answers only for the node that a project's lock file pins at its URL. Without an entry, the node's address is the one of
 * `known`; without that, and on other networks, the network is returned as it is.
 *
 * @param folder the project's
 * @param known reads the address from elsewhere, such as the stack's state; called only without an entry
 * @throws FleetError LOCK_DAMAGED, FILE_DAMAGED; as `known`
 */
export async function withPinnedNode(
  network: NetworkRef,
  folder: string,
  known?: (nodeUrl: string) => Promise<string | undefined>,
): Promise<NetworkRef> {
  if (network.kind !== "mainnet") return network;
  const { nodes } = await readNodeLock(folder);
  const nodeUrl = lockKey(network.nodeUrl ?? NETWORK_DEFAULTS.nodeUrl);
  const nodeAddress = nodes[nodeUrl]?.address ?? network.nodeAddress ?? (await known?.(nodeUrl));
  return nodeAddress === undefined ? network : { ...network, nodeAddress };
}

/**
 * Whether the lock file of a project allows a stack to use the node at a URL: its entry has this address, and names the stack, or no stacks.
 *
 * @throws FleetError LOCK_DAMAGED, FILE_DAMAGED
 */
export async function isPinnedFor(
  node: { readonly url: string; readonly address: string },
  { folder, stack }: { readonly folder: string; readonly stack: string },
): Promise<boolean> {
  const entry = (await readNodeLock(folder)).nodes[lockKey(node.url)];
  return entry?.address === node.address && entry.stacks?.includes(stack) !== false;
}

/** In the order of their names, so that a change of one entry is a change of its lines alone. */
export const sorted = <T>(entries: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Writes the lock file with its nodes in order. */
export async function writeNodeLock(folder: string, { version, nodes, ...rest }: NodeLock): Promise<void> {
  const text = `${JSON.stringify({ version, nodes: sorted(nodes), ...rest }, null, 2)}\n`;
  await replaceFile(join(folder, LOCK_FILE), text, { mode: 0o644 });
}
