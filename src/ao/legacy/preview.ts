import type { Budget } from "../../core/budget.ts";
import type { Needs } from "../needs.ts";
import type { Ao } from "../port.ts";
import { defaultBackoff, retrying } from "../retry.ts";
import { readPage } from "../shared/gateway.ts";
import { unitAt } from "../shared/http.ts";
import { moduleLoader } from "../shared/modules.ts";
import { readDryrun } from "./cu.ts";
import type { LegacyEndpoints } from "./endpoints.ts";
import { preflight } from "./preflight.ts";
import { schedulersOf } from "./scheduler.ts";

/**
 * Checks that a network can host a fleet: every unit answers and is of the expected kind, and the modules exist. Needs no
 * wallet and sends nothing, so a preview can run it.
 *
 * @throws FleetError with every problem; transient if all of them are
 */
export function checkNetwork(
  endpoints: LegacyEndpoints,
  { modules = [], upload = false }: Needs,
  budget: Budget,
): Promise<void> {
  const limits = { concurrency: 4, timeout: 20_000 };
  const index = unitAt("gateway", endpoints.graphqlUrl, limits);
  const unit = (url: string) => unitAt("scheduler unit", url, limits);
  const schedulers = schedulersOf({ endpoints, index, unit });
  const { uploadUrl } = endpoints;
  const parts = {
    ...(upload && uploadUrl !== undefined ? { upload: unitAt("upload service", uploadUrl, limits) } : {}),
    mu: unitAt("messenger unit", endpoints.muUrl, limits),
    cu: unitAt("compute unit", endpoints.cuUrl, limits),
    backoff: defaultBackoff,
    scheduler: (time: Budget) => schedulers.locate(endpoints.scheduler, time),
    module: moduleLoader(index, defaultBackoff).load,
    index: (time: Budget) =>
      retrying("asking the gateway's index", time, () =>
        readPage(index, { tags: { "Data-Protocol": "ao" } }, { first: 1 }, time),
      ),
  };
  return preflight(parts, { modules }, budget);
}

/** Dry runs in the name of an address, without its key and without a journal: a preview has neither. */
export function dryRunsAs(
  endpoints: LegacyEndpoints,
  address: string,
): Pick<Ao, "address" | "dryrun" | "dryRunner"> {
  const cu = unitAt("compute unit", endpoints.cuUrl, { concurrency: 4, timeout: 20_000 });
  return {
    address,
    dryRunner: "wallet",
    dryrun: ({ processId, tags, data, from = address }, budget) =>
      retrying(
        `a dry run on the process ${processId}`,
        budget,
        () => readDryrun(cu, { processId, owner: from, tags, data }, budget),
        defaultBackoff,
      ),
  };
}
