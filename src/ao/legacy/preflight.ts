import { type Budget, within } from "../../core/budget.ts";
import { settleAll } from "../../core/settle-all.ts";
import type { FoundItem } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import { checkUnit } from "../shared/check-unit.ts";
import type { Answer, Unit } from "../shared/http.ts";
import { MODULE_SECONDS } from "../shared/modules.ts";

interface PreflightParts {
  readonly mu: Unit;
  readonly cu: Unit;
  /** The upload service, if something has to be uploaded. */
  readonly upload?: Unit;
  readonly backoff: Backoff;
  /** Asks the gateway's index for the module, with its own retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
  /** Looks up the unit of the network's scheduler; a single attempt. */
  scheduler(budget: Budget): Promise<Unit>;
  /** Sends any query to the gateway's index: throws if it is not a gateway. */
  index(budget: Budget): Promise<unknown>;
}

/**
 * Checks every unit in parallel, before anything is spent.
 *
 * @throws FleetError with the problem of each; transient if all of them are
 */
export async function preflight(
  { mu, cu, upload, backoff, module, scheduler, index }: PreflightParts,
  { modules }: { modules: readonly string[] },
  budget: Budget,
): Promise<void> {
  const checks = [
    checkUnit(mu, isMessenger, budget, backoff),
    checkUnit(cu, isCompute, budget, backoff),
    checkScheduler(scheduler, budget, backoff),
    // Its root may answer anything: an upload service is recognised only by an upload.
    ...(upload === undefined ? [] : [checkUnit(upload, () => true, budget, backoff)]),
    ...(modules.length === 0
      ? [index(budget)]
      : modules.map((id) => module(id, within(budget, MODULE_SECONDS)))),
  ];
  await settleAll(checks);
}

/** Locates the scheduler unit and checks that it answers: without it no spawn and no message gets a slot. */
async function checkScheduler(
  scheduler: PreflightParts["scheduler"],
  budget: Budget,
  backoff: Backoff,
): Promise<void> {
  const su = await retrying("finding the scheduler unit", budget, () => scheduler(budget), backoff);
  await checkUnit(su, isScheduler, budget, backoff);
}

/** The real one greets with "ao messenger unit"; others answer JSON with their address. */
const isMessenger = (answer: Answer) =>
  answer.ok && (/messenger unit/i.test(answer.excerpt) || isStatus(answer));

/** The real one answers `{ address, timestamp }`, others one of the two. */
const isCompute = (answer: Answer) => answer.ok && (/compute unit/i.test(answer.excerpt) || isStatus(answer));

/**
 * The real one answers `{ address, timestamp }`, the time as a string. A router in front of others refuses a call without a
 * process with a 400 and `{ error }`, which also proves that it runs.
 */
function isScheduler({ ok, status, json }: Answer): boolean {
  const { address, timestamp, error } = (json ?? {}) as Record<string, unknown>;
  if (ok) return typeof address === "string" || ["string", "number"].includes(typeof timestamp);
  return status === 400 && typeof error === "string";
}

function isStatus({ json }: Answer): boolean {
  if (typeof json !== "object" || json === null) return false;
  const { address, timestamp } = json as { address?: unknown; timestamp?: unknown };
  return typeof address === "string" || typeof timestamp === "number";
}
