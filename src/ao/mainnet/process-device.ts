import type { Budget } from "../../core/budget.ts";
import { DEVICE_TAG, LUA_CALLS, LUA_DEVICE } from "../../core/devices.ts";
import { FleetError } from "../../core/errors.ts";
import type { Tags } from "../port.ts";
import { DEFAULT_DEVICE, executionDevice } from "./device.ts";
import { tagIn } from "./module.ts";
import type { NodeClient } from "./node.ts";
import type { Schedule } from "./schedule.ts";

/** Asks a node which device runs a process; a single attempt, and only once for each process, because a process keeps its device. */
export type ProcessDevice = (processId: string, budget: Budget) => Promise<string>;

export function processDevice(node: NodeClient, schedule: Pick<Schedule, "range">): ProcessDevice {
  const known = new Map<string, string>();

  async function ask(processId: string, budget: Budget): Promise<string> {
    const [spawn] = await schedule.range({ processId, from: 0, to: 0 }, budget);
    if (spawn?.slot === 0) return executionDevice(spawn.tags);
    // Not every node has the spawn in its schedule.
    const answer = await node.ask({ path: `/${processId}/${DEVICE_TAG}` }, budget);
    return (answer.ok && tagIn(answer)) || DEFAULT_DEVICE;
  }

  return async (processId, budget) => {
    const device = known.get(processId) ?? (await ask(processId, budget));
    known.set(processId, device);
    return device;
  };
}

/**
 * Refuses a message that would end its process, before it is signed.
 *
 * @throws FleetError `TAGS_INVALID`; transient failures of the node, which is asked only if a tag has such a name
 */
export async function refuseCalls(
  { processId, tags }: { readonly processId: string; readonly tags: Tags },
  device: ProcessDevice,
  budget: Budget,
): Promise<void> {
  const names = Object.keys(tags).filter((name) => LUA_CALLS.has(name.toLowerCase()));
  const [first, ...rest] = names.map((name) => ({
    code: "TAGS_INVALID",
    what: `The tag ${name} would be called as a function by ${LUA_DEVICE}, which ends the process ${processId}.`,
    got: name,
    expected: "another name",
    remedy: "Rename the tag.",
  }));
  if (first === undefined || (await device(processId, budget)) !== LUA_DEVICE) return;
  throw new FleetError([first, ...rest]);
}
