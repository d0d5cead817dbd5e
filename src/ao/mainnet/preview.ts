import type { Budget } from "../../core/budget.ts";
import type { Ao } from "../port.ts";
import { defaultBackoff, retrying } from "../retry.ts";
import { unitAt } from "../shared/http.ts";
import { moduleLoader } from "../shared/modules.ts";
import type { NodeEndpoints } from "./endpoints.ts";
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
  input: { module?: string },
  budget: Budget,
): Promise<void> {
  const index = unitAt("gateway", endpoints.graphqlUrl, LIMITS);
  const module = moduleLoader(index, defaultBackoff).load;
  return preflight(
    { node: nodeAt(endpoints.nodeUrl, LIMITS), endpoints, backoff: defaultBackoff, module },
    input,
    budget,
  );
}

/** Dry runs without a journal. A node runs them in the name of a fixed stranger, whatever the address. */
export function dryRunsAs(endpoints: NodeEndpoints, address: string): Pick<Ao, "address" | "dryrun"> {
  const results = resultsAt(nodeAt(endpoints.nodeUrl, LIMITS));
  return {
    address,
    dryrun: (input, budget) =>
      retrying(
        `a dry run on the process ${input.processId}`,
        budget,
        () => results.dryrun(input, budget),
        defaultBackoff,
      ),
  };
}
