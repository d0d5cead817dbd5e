import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { settleAll } from "../../core/settle-all.ts";
import type { FoundItem } from "../port.ts";
import type { Backoff } from "../retry.ts";
import { checkUnit } from "../shared/check-unit.ts";
import type { Unit } from "../shared/http.ts";
import { MODULE_SECONDS } from "../shared/modules.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import { addressOf } from "./identity.ts";
import type { NodeClient } from "./node.ts";

interface PreflightParts {
  /** The upload service, if something has to be uploaded. */
  readonly upload?: Unit;
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
    // Its root may answer anything: an upload service is recognised only by an upload.
    ...(parts.upload === undefined ? [] : [checkUnit(parts.upload, () => true, budget, parts.backoff)]),
    ...(input.module === undefined ? [] : [parts.module(input.module, within(budget, MODULE_SECONDS))]),
  ];
  await settleAll(checks);
}

/** The node answers, is a HyperBEAM node, and has the address that the network names. */
async function lookAtNode({ node, endpoints, backoff }: PreflightParts, budget: Budget): Promise<void> {
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
