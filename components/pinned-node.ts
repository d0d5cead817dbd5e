import { identify, type NodeIdentity, nodeChanged } from "../src/ao/connect.ts";
import { type CompleteNetworkRef, remoteNetwork } from "../src/ao/network.ts";
import { budgetOf } from "../src/core/budget.ts";
import { FleetError, type Problem, tolerate } from "../src/core/errors.ts";
import {
  LOCK_FILE,
  lockKey,
  type PinnedModule,
  type PinnedNode,
  readNodeLock,
  sorted,
  writeNodeLock,
} from "../src/fleet/node-lock.ts";
import { pinModules, type UsedModule } from "./pinned-modules.ts";

/** Seconds that a run waits for a node that does not answer. */
const NODE_SECONDS = 15;

/** A declared network with its node, and what a preview says about it. */
export interface Pinned {
  readonly network: CompleteNetworkRef;
  readonly warnings: readonly Problem[];
  /**
   * Writes the lock file if it changes, once every process of the stack is known to be on the node. Absent in previews, and on networks
   * without a node.
   *
   * @param published the modules that the fleet published itself
   */
  readonly pin?: (published?: Readonly<Record<string, PinnedModule>>) => Promise<void>;
}

/** Where a deployment runs. */
interface Place {
  /** The project's. */
  readonly folder: string;
  readonly stack: string;
}

/** Asks the node of a mainnet stack who it is, for everything that a run checks about it; undefined for other networks. */
export function askNode(network: CompleteNetworkRef): Promise<NodeIdentity> | undefined {
  if (network.kind !== "mainnet") return undefined;
  const identity = identify(remoteNetwork(network), budgetOf(NODE_SECONDS));
  // Whoever awaits it gets the failure; until then it must not count as unhandled.
  identity.catch(() => {});
  return identity;
}

/**
 * Compares the node of a mainnet stack with the lock file: new processes get the scheduler and the authority that the file names. The first
 * `pulumi up` with a node writes them by `pin`, and the modules that it runs; a node that is another one than last time is refused, and so
 * is a module of other bytes. Other networks are returned as they are. What the stack's state says of the node is compared with each process
 * (`assertSameNode` in providers/process).
 *
 * @param isPreview nothing is to be written then
 * @param used the modules of the plan that are on the network already
 * @param asked the node's answer
 * @throws FleetError NODE_CHANGED, MODULE_CHANGED, LOCK_DAMAGED; UNIT_DOWN and the like while the node does not answer
 */
export async function pinNode(
  network: CompleteNetworkRef,
  isPreview: boolean,
  { folder, stack }: Place,
  used: readonly UsedModule[] = [],
  asked = askNode(network),
): Promise<Pinned> {
  if (network.kind !== "mainnet" || asked === undefined) return { network, warnings: [] };
  const nodeUrl = lockKey(network.nodeUrl);
  const lock = await readNodeLock(folder);
  const before = lock.nodes[nodeUrl];
  const { address, build = before?.build } = await asked;
  const declared = network.nodeAddress;
  if (declared !== undefined && declared !== address) throw nodeChanged(nodeUrl, declared, address);
  if (before !== undefined && before.address !== address) throw nodeChanged(nodeUrl, before.address, address);
  const { scheduler = address, authority = address } = before ?? {};
  const { modules, warnings } = await pinModules(remoteNetwork(network), used, before);
  const now: PinnedNode = {
    ...before,
    ...{ address, scheduler, authority },
    ...(build === undefined ? {} : { build }),
    ...(Object.keys(modules).length === 0 ? {} : { modules }),
    ...stacksOf(before, stack),
  };
  return {
    // What the stack declares wins over what is pinned.
    network: {
      ...network,
      nodeAddress: address,
      scheduler: network.scheduler ?? scheduler,
      authority: network.authority ?? authority,
    },
    warnings: isPreview ? [...warningsOf(nodeUrl, before, now), ...warnings] : [],
    ...(isPreview ? {} : { pin: (published = {}) => pin({ folder, stack }, nodeUrl, now, published) }),
  };
}

/** With the stack. An entry of an earlier version does not say which other stacks there are, so it stays without them. */
function stacksOf(before: PinnedNode | undefined, stack: string): Pick<PinnedNode, "stacks"> {
  if (before === undefined) return { stacks: [stack] };
  return before.stacks === undefined ? {} : { stacks: [...new Set([...before.stacks, stack])].sort() };
}

/**
 * Whether the lock file names no node at the URL of a mainnet stack, or not the stack as one of those that were deployed through it: then
 * nothing of the stack runs there yet. A file that cannot be read is reported by `pinNode`.
 */
export async function isNewNode(network: CompleteNetworkRef, { folder, stack }: Place): Promise<boolean> {
  if (network.kind !== "mainnet") return false;
  const isNew = (node: PinnedNode | undefined) =>
    node === undefined || node.stacks?.includes(stack) === false;
  return readNodeLock(folder).then(({ nodes }) => isNew(nodes[lockKey(network.nodeUrl)]), tolerate(false));
}

/**
 * Writes a node's entry if it changes. The file is read again first: another stack may have pinned its node or its modules since.
 *
 * @throws FleetError LOCK_DAMAGED, LOCK_UNWRITABLE
 */
async function pin(
  { folder, stack }: Place,
  nodeUrl: string,
  node: PinnedNode,
  published: Readonly<Record<string, PinnedModule>>,
): Promise<void> {
  const lock = await readNodeLock(folder);
  const others = lock.nodes[nodeUrl];
  const own = Object.entries(published).map(([id, module]) => ({
    [id]: { ...others?.modules?.[id], ...module },
  }));
  const modules: Record<string, PinnedModule> = sorted(
    Object.assign({}, others?.modules, node.modules, ...own),
  );
  const entry = {
    ...others,
    ...node,
    ...(Object.keys(modules).length === 0 ? {} : { modules }),
    ...stacksOf(others, stack),
  };
  if (JSON.stringify(entry) === JSON.stringify(others)) return;
  try {
    await writeNodeLock(folder, { ...lock, nodes: { ...lock.nodes, [nodeUrl]: entry } });
  } catch (error) {
    throw new FleetError(
      {
        code: "LOCK_UNWRITABLE",
        what: `${LOCK_FILE} cannot be written.`,
        at: LOCK_FILE,
        got: error instanceof Error ? error.message : String(error),
        expected: "a writable file next to Pulumi.yaml",
        remedy: "Run pulumi up in a writable checkout and commit the file, or make it writable.",
      },
      { cause: error, isLocal: true },
    );
  }
}

function warningsOf(nodeUrl: string, before: PinnedNode | undefined, now: PinnedNode): Problem[] {
  if (before === undefined) {
    return [
      {
        code: "NODE_NOT_PINNED",
        what: `${LOCK_FILE} does not pin the node at ${nodeUrl}.`,
        at: LOCK_FILE,
        got: `${now.address}${now.build === undefined ? "" : `, ${now.build}`}`,
        remedy: `Compare the address with the one that the node's operator publishes. pulumi up pins it in ${LOCK_FILE}; commit the file.`,
      },
    ];
  }
  if (before.build === now.build) return [];
  return [
    {
      code: "NODE_UPDATED",
      what: `The node at ${nodeUrl} runs another build than last time.`,
      at: LOCK_FILE,
      got: now.build ?? "a node that does not name its build",
      expected: before.build ?? "a node that does not name its build",
      remedy: "Deploy to a staging stack on this node first. pulumi up updates the file.",
    },
  ];
}
