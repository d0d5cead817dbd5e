import { type Budget, within } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { settleAll } from "../../core/settle-all.ts";
import type { Needs } from "../needs.ts";
import type { Ao } from "../port.ts";
import { defaultBackoff, retrying } from "../retry.ts";
import { checkUnit } from "../shared/check-unit.ts";
import { readModule } from "../shared/gateway.ts";
import { unitAt } from "../shared/http.ts";
import { MODULE_SECONDS, moduleLoader } from "../shared/modules.ts";
import { lookAtDevice } from "./device.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import { identityOf, lookAtNode, type NodeIdentity } from "./identity.ts";
import { lookAtModule } from "./module.ts";
import { nodeAt } from "./node.ts";
import { lookAtPrice } from "./price.ts";
import { resultsAt } from "./results.ts";
import { settingsOf } from "./settings.ts";

const LIMITS = { concurrency: 4, timeout: 20_000 };

/**
 * Checks that a node can host a fleet: it answers and has the expected address, the modules exist and the node can load them, it has the
 * devices, and the wallet can pay where it charges. Needs no key and sends nothing.
 *
 * @returns warnings: what the node does not tell, and what it charges
 * @throws FleetError with every problem; transient if all of them are
 */
export async function checkNetwork(
  endpoints: NodeEndpoints,
  { modules = [], devices = [], mayRun = false, upload = false, spending, ...given }: Needs,
  budget: Budget,
): Promise<Problem[]> {
  const { uploadUrl } = endpoints;
  const node = nodeAt(endpoints.nodeUrl, LIMITS);
  const { load } = moduleLoader(unitAt("gateway", endpoints.graphqlUrl, LIMITS), defaultBackoff, {
    lua: true,
  });
  const reached = given.reached ?? lookAtNode(node, endpoints.nodeAddress, defaultBackoff, budget);
  const settings = reached.then(
    () => settingsOf(node, budget),
    () => undefined,
  );
  const warnings: Problem[] = [];
  /** Looks once the checks before have passed: where one of them fails, its own problem says enough. */
  const after = (checks: readonly Promise<unknown>[], look: () => Promise<readonly Problem[]>) =>
    Promise.all(checks).then(
      async () => void warnings.push(...(await look())),
      () => {},
    );
  const lookAtNeed = (look: () => Promise<readonly Problem[]>) =>
    mayRun ? look().catch(asWarnings) : look();
  const inIndex = modules.map((id) => ({ id, known: load(id, within(budget, MODULE_SECONDS)) }));
  await settleAll([
    ...(given.reached === undefined ? [reached] : []),
    ...inIndex.map(({ known }) => known),
    ...inIndex.map(({ id, known }) =>
      after([reached, known], () => lookAtNeed(() => lookAtModule(node, id, budget))),
    ),
    ...devices.map((device) =>
      after([reached], async () => {
        const found = await settings;
        return lookAtNeed(() => lookAtDevice(node, device, found, budget));
      }),
    ),
    ...(spending === undefined
      ? []
      : [after([reached], async () => lookAtPrice(node, await settings, spending, budget))]),
    // Its root may answer anything: an upload service is recognised only by an upload.
    ...(upload && uploadUrl !== undefined
      ? [checkUnit(unitAt("upload service", uploadUrl, LIMITS), () => true, budget, defaultBackoff)]
      : []),
  ]);
  return warnings;
}

/** What only new processes need is no reason to refuse a deployment that may have none. */
function asWarnings(error: unknown): readonly Problem[] {
  const isLacking =
    error instanceof FleetError && (error.code === "MODULE_NOT_ON_NODE" || error.code === "DEVICE_MISSING");
  if (isLacking) return error.problems;
  throw error;
}

/**
 * The sha-256 of a module's bytes, as the gateway serves them; a single attempt.
 *
 * @throws UnitError if it does not, or answers with something that is not a module
 */
export const hashModule = async (
  { gatewayUrl }: Pick<NodeEndpoints, "gatewayUrl">,
  id: string,
  budget: Budget,
): Promise<string> => sha256(await readModule(unitAt("gateway", gatewayUrl, LIMITS), id, budget));

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
