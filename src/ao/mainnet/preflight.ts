import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { FoundItem } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import { MODULE_SECONDS } from "../shared/modules.ts";
import { settleAll } from "../shared/settle.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import type { NodeClient } from "./node.ts";

interface PreflightParts {
  readonly node: NodeClient;
  readonly endpoints: NodeEndpoints;
  readonly backoff: Backoff;
  /** Asks the gateway's index for the module, with its own retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
}

const ADDRESS = /^[\w-]{43}$/;

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

/** The node answers, is a HyperBEAM node, and has the address that the declaration names. */
function lookAtNode({ node, endpoints, backoff }: PreflightParts, budget: Budget): Promise<void> {
  return retrying(
    "reaching the node",
    budget,
    async () => {
      const answer = await node.ask({ path: "/~meta@1.0/info/address" }, budget);
      if (answer.status >= 500) throw unitRefused("node", node.url, answer.status, answer.excerpt);
      const address = answer.text.trim();
      if (!answer.ok || !ADDRESS.test(address)) {
        // The address is a setting: after three wrong answers in a row it is the wrong server.
        throw new UnitError(
          unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`).problems[0],
          "doubtful",
        );
      }
      if (address !== endpoints.scheduler) throw otherNode(node.url, address, endpoints.scheduler);
    },
    backoff,
  );
}

const otherNode = (url: string, got: string, expected: string) =>
  new FleetError({
    code: "NODE_CHANGED",
    what: `The node at ${url} is not the one that the fleet was declared with`,
    got,
    expected,
    remedy:
      "Check `nodeUrl`. If the node is meant to change, its processes stay where they are: move the fleet.",
  });
