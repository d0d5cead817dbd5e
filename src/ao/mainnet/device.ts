import { amount } from "../../core/amount.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { UnitError } from "../errors.ts";
import type { Tags } from "../port.ts";
import type { NodeClient } from "./node.ts";
import type { NodeSettings } from "./settings.ts";

/** The device that runs a process whose spawn names none: a compute unit of the legacy network, for aos images. */
export const DEFAULT_DEVICE = "genesis-wasm@1.0";

/** The device that runs a process with these spawn tags. */
export const executionDevice = (tags: Tags): string =>
  Object.entries(tags).find(([name]) => name.toLowerCase() === "execution-device")?.[1] ?? DEFAULT_DEVICE;

/** How nodes say that they do not have a device. */
const NOT_LOADABLE = /device_not_loadable|module_not_admissable/;

/**
 * Looks for a device on a node: in the list of its settings, or by a call of the device that changes nothing where the node has no such
 * list. A listed device can still fail, for example because the node was built without its compute unit.
 *
 * @returns a warning if the node does not tell
 * @throws FleetError DEVICE_MISSING
 */
export async function lookAtDevice(
  node: NodeClient,
  device: string,
  settings: NodeSettings | undefined,
  budget: Budget,
): Promise<Problem[]> {
  const listed = settings?.devices;
  if (listed !== undefined) {
    if (listed.includes(device)) return [];
    throw deviceMissing(node.url, device, `a list of ${amount(listed.length, "device")} without it`);
  }
  const answer = await node.ask({ path: `/~${device}/init` }, budget).catch(failed);
  if (answer.ok) return [];
  if (NOT_LOADABLE.test(answer.text)) throw deviceMissing(node.url, device, answer.excerpt);
  return [
    {
      code: "DEVICE_UNCHECKED",
      what: `The node at ${node.url} does not tell whether it has the device ${device}.`,
      got: `${answer.status} ${answer.excerpt}`.trim(),
      expected: "a list of its devices, or an answer of the device",
      remedy: "Ask the node's operator, or deploy to a staging stack on this node first.",
    },
  ];
}

/** What stands for the answer of a node that gave none. */
function failed(error: unknown): { ok: boolean; status: string; text: string; excerpt: string } {
  if (!(error instanceof UnitError)) throw error;
  return { ok: false, status: "", text: "", excerpt: error.problems[0].got ?? error.code };
}

const deviceMissing = (url: string, device: string, got: string) =>
  new FleetError({
    code: "DEVICE_MISSING",
    what: `The node at ${url} does not have the device ${device}, which runs new processes.`,
    got,
    expected: device,
    remedy: "Use a node that has it (`nodeUrl`): here, processes would be spawned and never run.",
  });
