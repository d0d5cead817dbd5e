import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { settleAll } from "../../core/settle-all.ts";
import type { FoundItem } from "../port.ts";
import type { Backoff } from "../retry.ts";
import { MODULE_SECONDS } from "../shared/modules.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import { addressOf } from "./identity.ts";
import type { NodeClient } from "./node.ts";

interface PreflightParts {
  readonly node: NodeClient;
  readonly endpoints: NodeEndpoints;
  readonly backoff: Backoff;
  /** Asks the gateway's index for the module, with its own retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
}

/**
 * Checks the node and the module in parallel, before anything is spent.
 *
 * @throws FleetError with the problem of each; transient if all of them are
 */
export async function preflight(
  parts: PreflightParts,
  input: { module?: string },
  budget: Budget,
): Promise<void> {
  const checks = [
    lookAtNode(parts, budget),
    ...(input.module === undefined ? [] : [parts.module(input.module, within(budget, MODULE_SECONDS))]),
  ];
  await settleAll(checks);
}

/** The node answers, is a HyperBEAM node, and has the address that the network names. */
export async function lookAtNode(
  { node, endpoints, backoff }: Omit<PreflightParts, "module">,
  budget: Budget,
): Promise<void> {
  const address = await addressOf(node, backoff, budget);
  const { nodeAddress } = endpoints;
  if (nodeAddress !== undefined && address !== nodeAddress) throw otherNode(node.url, address, nodeAddress);
}

const otherNode = (url: string, got: string, expected: string) =>
  new FleetError({
    code: "NODE_CHANGED",
    what: `The node at ${url} is not the one that the fleet was declared with.`,
    got,
    expected,
    remedy:
      "Check `nodeUrl`. If the node is meant to change, its processes stay where they are: move the fleet.",
  });
