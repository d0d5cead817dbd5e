import { randomUUID } from "node:crypto";
import type { Budget } from "../../core/budget.ts";
import { DEVICE_TAG, LUA_DEVICE } from "../../core/devices.ts";
import { own } from "../../core/own.ts";
import { processUnknown } from "../errors.ts";
import type { Journal } from "../journal/index.ts";
import type { effectsOf } from "./effects.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import type { Results } from "./results.ts";
import type { Schedule } from "./schedule.ts";

interface ControlParts {
  readonly endpoints: Pick<NodeEndpoints, "scheduler" | "authority">;
  readonly journal: Pick<Journal, "settle">;
  readonly schedule: Pick<Schedule, "range">;
  readonly effects: Pick<ReturnType<typeof effectsOf>, "spawn">;
  readonly again: <T>(what: string, budget: Budget, attempt: () => Promise<T>) => Promise<T>;
  /** The node's own address. */
  own(budget: Budget): Promise<string>;
  /** Read when it is called: results are judged by the control. */
  results(): Pick<Results, "at">;
}

/**
 * Proves that a node computes new slots of a module: spawns a process of the same module as another one, and waits for its slot 0. Nothing
 * else is ever sent to that process.
 */
export function controlOf({
  endpoints,
  journal,
  schedule,
  effects,
  again,
  own: address,
  results,
}: ControlParts) {
  return async (processId: string, budget: Budget): Promise<{ id: string; ms: number }> => {
    const started = performance.now();
    const [spawn] = await again(`reading the spawn of the process ${processId}`, budget, () =>
      schedule.range({ processId, from: 0, to: 0 }, budget),
    );
    const module = own(spawn?.tags ?? {}, "Module");
    if (module === undefined) throw processUnknown(processId, "a schedule without its spawn");
    const { scheduler = await address(budget), authority = await address(budget) } = endpoints;
    const intent = `control/${processId}/${randomUUID()}`;
    const tags = { [DEVICE_TAG]: LUA_DEVICE, Name: "fleet-control" };
    const { id } = await effects.spawn({ intent, module, scheduler, authority, tags }, budget);
    await journal.settle(intent);
    await again(`waiting for the result of the new process ${id}`, budget, () =>
      results().at({ processId: id, messageId: id, slot: 0 }, budget),
    );
    return { id, ms: performance.now() - started };
  };
}
