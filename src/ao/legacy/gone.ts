import type { Budget } from "../../core/budget.ts";
import { processGone } from "../errors.ts";
import type { Ao } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { LegacyEndpoints } from "./endpoints.ts";
import type { Schedulers } from "./scheduler.ts";

/** `Ao.exists`: asks the scheduler's unit, once for each process that it has. */
export function existenceOf(
  { schedulers, backoff }: { readonly schedulers: Schedulers; readonly backoff: Backoff },
  options: { readonly endpoints: LegacyEndpoints; readonly limits?: { readonly isWhole?: boolean } },
): Ao["exists"] {
  const { scheduler } = options.endpoints;
  const found = new Set<string>();
  return async (id, budget) => {
    if (options.limits?.isWhole !== true || found.has(id)) return true;
    const has = await retrying(
      `asking whether the process ${id} exists`,
      budget,
      () => schedulers.has({ kind: "spawn", id, scheduler }, budget),
      backoff,
    );
    if (has) found.add(id);
    return has;
  };
}

/** Fails at once what would otherwise wait for a process that does not exist. */
export function refusingGone(ao: Ao): Ao {
  const checked =
    <I extends { readonly processId: string }, O>(call: (input: I, budget: Budget) => Promise<O>) =>
    async (input: I, budget: Budget): Promise<O> => {
      if (!(await ao.exists(input.processId, budget))) throw processGone(input.processId);
      return call(input, budget);
    };
  return {
    ...ao,
    send: checked(ao.send),
    evaluation: checked(ao.evaluation),
    monitor: checked(ao.monitor),
    dryrun: checked(ao.dryrun),
    results: checked(ao.results),
    range: checked(ao.range),
  };
}
