import { identify, nodeChanged } from "../../src/ao/connect.ts";
import { type NetworkRef, NetworkRefSchema, remoteNetwork } from "../../src/ao/network.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { lockKey, withPinnedNode } from "../../src/fleet/node-lock.ts";

/** Seconds for the answer of a node. */
const SECONDS = 10;

/**
 * Compares the node of a resource that is removed without a message with the lock file, or with the state if the file has no entry. A destroy
 * begins with such resources: on another node, it fails before it removes anything. A node that does not answer is left to the resources that
 * need it.
 *
 * @throws FleetError NODE_CHANGED, LOCK_DAMAGED
 */
export async function assertNode(declared: NetworkRef): Promise<void> {
  const network = NetworkRefSchema.parse(await withPinnedNode(declared, process.cwd()));
  if (network.kind !== "mainnet" || network.nodeAddress === undefined) return;
  const address = await identify(remoteNetwork(network), budgetOf(SECONDS)).then(
    (found) => found.address,
    (error: unknown) => {
      if (error instanceof FleetError) return undefined;
      throw error;
    },
  );
  if (address !== undefined && address !== network.nodeAddress)
    throw nodeChanged(lockKey(network.nodeUrl), network.nodeAddress, address);
}
