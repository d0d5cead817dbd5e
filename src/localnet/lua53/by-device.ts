import { DEVICE_TAG } from "../../core/devices.ts";
import { own } from "../../core/own.ts";
import type { Evaluator } from "../evaluator.ts";
import type { ProcessRecord } from "../types.ts";

/**
 * One evaluator for the processes of all units. Those of a HyperBEAM node run on the device that their spawn names; the legacy units know no
 * devices.
 *
 * @param standard for WebAssembly modules
 * @param devices by name
 * @param node the scheduler of the node's processes
 */
export function byDevice(
  standard: Evaluator,
  devices: Readonly<Record<string, Evaluator>>,
  node: string,
): Evaluator {
  const of = ({ scheduler, tags }: ProcessRecord): Evaluator => {
    const name = tags.find((tag) => tag.name.toLowerCase() === DEVICE_TAG)?.value;
    return (scheduler === node && name !== undefined ? own(devices, name) : undefined) ?? standard;
  };
  return {
    evaluate: (input) => of(input.process).evaluate(input),
    expand: async (process, memory) => (await of(process).expand?.(process, memory)) ?? memory,
    async close() {
      await Promise.all([standard, ...Object.values(devices)].map((each) => each.close?.()));
    },
  };
}
