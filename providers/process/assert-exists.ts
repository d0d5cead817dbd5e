import { nodeChanged } from "../../src/ao/connect.ts";
import { GONE_REMEDY } from "../../src/ao/errors.ts";
import { embeddedFolder, NETWORK_DEFAULTS, type NetworkRef } from "../../src/ao/network.ts";
import { FleetError } from "../../src/core/errors.ts";
import { isPinnedFor, lockKey } from "../../src/fleet/node-lock.ts";
import type { ProcessOutputs } from "./schema.ts";

/**
 * Fails if the stack's network certainly does not have the process that the state names: the embedded network was reset, its folder was
 * removed, or the stack now uses another network. Otherwise a run without changes would report the health that the state remembers.
 * Reads nothing from other networks, and nothing from an embedded network that is not running: the run starts it first.
 *
 * @throws FleetError `PROCESS_GONE`; `NODE_CHANGED` as `assertSameNode`
 */
export async function assertExists(olds: ProcessOutputs, network: NetworkRef): Promise<void> {
  // A create that failed before its spawn leaves no id.
  if (olds.processId === undefined) return;
  const folder = embeddedFolder(network);
  if (folder !== null) {
    const { hasProcess } = await import("../../src/localnet/index.ts");
    if ((await hasProcess(folder, olds.processId)) !== false) return;
    throw gone(olds, `the embedded network in ${folder} has no such process`);
  }
  const before = embeddedFolder(olds.network);
  if (before !== null)
    throw gone(olds, `it is on the embedded network in ${before}, which this stack no longer uses`);
  await assertSameNode(olds, network);
}

/**
 * Fails if the process is on another node than the one that answers at the same URL now: that one does not have it. The lock file allows
 * another address if it pins it for this stack, as after a change of the node's key. A run writes the file only after this check.
 *
 * @throws FleetError `NODE_CHANGED`
 */
async function assertSameNode({ network: before, scope }: ProcessOutputs, now: NetworkRef): Promise<void> {
  const [was, is] = [nodeOf(before), nodeOf(now)];
  if (was === undefined || is === undefined || was.url !== is.url || was.address === is.address) return;
  if (await isPinnedFor(is, { folder: process.cwd(), stack: scope.stack })) return;
  throw nodeChanged(is.url, was.address, is.address, "in the stack's state");
}

/** The node of a network, if its address is known. */
function nodeOf(network: NetworkRef): { url: string; address: string } | undefined {
  if (network.kind !== "mainnet" || network.nodeAddress === undefined) return undefined;
  return { url: lockKey(network.nodeUrl ?? NETWORK_DEFAULTS.nodeUrl), address: network.nodeAddress };
}

const gone = ({ name, processId }: ProcessOutputs, got: string): FleetError =>
  new FleetError({
    code: "PROCESS_GONE",
    what: `${name} has the process ${processId}, which does not exist on the network of this stack.`,
    got,
    expected: "the network on which this stack was deployed",
    remedy: GONE_REMEDY,
    at: `processes.${name}`,
  });
