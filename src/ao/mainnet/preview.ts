import type { Budget } from "../../core/budget.ts";
import type { Ao } from "../port.ts";
import { defaultBackoff, retrying } from "../retry.ts";
import { unitAt } from "../shared/http.ts";
import { moduleLoader } from "../shared/modules.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import { identityOf, type NodeIdentity } from "./identity.ts";
import { nodeAt } from "./node.ts";
import { preflight } from "./preflight.ts";
import { resultsAt } from "./results.ts";

const LIMITS = { concurrency: 4, timeout: 20_000 };

/**
 * Checks that a node can host a fleet: it answers, has the expected address, and the module exists. Needs no wallet and sends nothing.
 *
 * @throws FleetError with every problem; transient if all of them are
 */
export function checkNetwork(
  endpoints: NodeEndpoints,
  input: { module?: string; upload?: boolean },
  budget: Budget,
): Promise<void> {
  const { uploadUrl } = endpoints;
  const upload =
    input.upload === true && uploadUrl !== undefined
      ? unitAt("upload service", uploadUrl, LIMITS)
      : undefined;
  const index = unitAt("gateway", endpoints.graphqlUrl, LIMITS);
  const module = moduleLoader(index, defaultBackoff).load;
  return preflight(
    {
      ...{ node: nodeAt(endpoints.nodeUrl, LIMITS), endpoints, backoff: defaultBackoff, module },
      ...(upload === undefined ? {} : { upload }),
    },
    input,
    budget,
  );
}

/** Asks the node who it is. Needs no wallet and sends nothing. */
export const identifyNode = (
  { nodeUrl }: Pick<NodeEndpoints, "nodeUrl">,
  budget: Budget,
): Promise<NodeIdentity> => identityOf(nodeAt(nodeUrl, LIMITS), defaultBackoff, budget);

/** Dry runs without a journal. A node runs them in the name of a fixed stranger, whatever the address. */
export function dryRunsAs(
  endpoints: NodeEndpoints,
  address: string,
): Pick<Ao, "address" | "dryrun" | "dryRunner"> {
  const results = resultsAt(nodeAt(endpoints.nodeUrl, LIMITS));
  return {
    address,
    dryRunner: "stranger",
    dryrun: (input, budget) =>
      retrying(
        `a dry run on the process ${input.processId}`,
        budget,
        () => results.dryrun(input, address, budget),
        defaultBackoff,
      ),
  };
}
