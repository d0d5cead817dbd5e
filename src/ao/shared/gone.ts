import { type Budget, budgetOf, continuedAs, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { processGone } from "../errors.ts";
import type { Ao } from "../port.ts";
import { type Backoff, retrying, type Wait } from "../retry.ts";

interface Existence {
  /** Whether this network has every one of its processes itself, so that its "not found" is final. */
  readonly isWhole: boolean | undefined;
  readonly backoff: Backoff;
  /** Asks the network; a single attempt. */
  has(processId: string, budget: Budget): Promise<boolean>;
}

/** `Ao.exists`: asks the network, once for each process that it has. */
export function existenceOf({ isWhole = false, backoff, has }: Existence): Ao["exists"] {
  const found = new Set<string>();
  return async (id, budget) => {
    if (!isWhole || found.has(id)) return true;
    const exists = await retrying(
      `asking whether the process ${id} exists`,
      budget,
      () => has(id, budget),
      backoff,
    );
    if (exists) found.add(id);
    return exists;
  };
}

/** The calls in progress, by their process, and the processes that were found missing. */
interface GoneWatch {
  /** To be told of every attempt that failed: asks for the processes of the calls in progress if one was unknown to a unit. */
  saw(wait: Wait): void;
  /** Ends what would otherwise wait for a process that does not exist. Asks only after a failure: a call that succeeds costs nothing more. */
  refusing(ao: Ao): Ao;
}

/** Seconds for the question whether a process exists, within the budget of the call that failed. */
const ASK_SECONDS = 10;

/** @param exists as `Ao.exists`; read when it is called, since the connection is not complete yet */
export function goneWatch(exists: () => Ao["exists"]): GoneWatch {
  const calls = new Map<string, number>();
  const asking = new Set<string>();
  const gone = new Set<string>();

  async function ask(id: string, budget: Budget): Promise<void> {
    if (asking.has(id)) return;
    asking.add(id);
    try {
      if (!(await exists()(id, budget))) gone.add(id);
    } catch (error) {
      // Nobody can tell: the call itself reports what failed.
      if (!(error instanceof FleetError)) throw error;
    } finally {
      asking.delete(id);
    }
  }

  const lazily =
    <I extends { readonly processId: string }, O>(call: (input: I, budget: Budget) => Promise<O>) =>
    async (input: I, budget: Budget): Promise<O> => {
      const { processId: id } = input;
      calls.set(id, (calls.get(id) ?? 0) + 1);
      try {
        return await call(input, {
          total: budget.total,
          ...continuedAs(budget),
          remaining: () => (gone.has(id) ? 0 : budget.remaining()),
          // Work that ends because its process is gone was not abandoned for lack of time.
          get gaveUp() {
            return gone.has(id) ? { isSo: false } : (budget.gaveUp ?? { isSo: false });
          },
        });
      } catch (error) {
        if (error instanceof FleetError && !gone.has(id)) await ask(id, within(budget, ASK_SECONDS));
        if (gone.has(id)) throw processGone(id);
        throw error;
      } finally {
        const left = (calls.get(id) ?? 1) - 1;
        if (left > 0) calls.set(id, left);
        else calls.delete(id);
        // A later call asks again: the process may have been restored with its network.
        if (left === 0) gone.delete(id);
      }
    };

  // A unit answers these without an error for a process that it does not know.
  const first =
    <I extends { readonly processId: string }, O>(call: (input: I, budget: Budget) => Promise<O>) =>
    async (input: I, budget: Budget): Promise<O> => {
      if (!(await exists()(input.processId, budget))) throw processGone(input.processId);
      return call(input, budget);
    };

  return {
    saw({ last }) {
      if (last?.code !== "PROCESS_UNKNOWN") return;
      for (const id of calls.keys()) void ask(id, budgetOf(ASK_SECONDS));
    },
    refusing: (ao) => ({
      ...ao,
      send: lazily(ao.send),
      evaluation: lazily(ao.evaluation),
      dryrun: lazily(ao.dryrun),
      monitor: first(ao.monitor),
      results: first(ao.results),
      range: first(ao.range),
    }),
  };
}
