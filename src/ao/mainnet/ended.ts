import type { Budget } from "../../core/budget.ts";
import { LUA_DEVICE } from "../../core/devices.ts";
import { UnitError } from "../errors.ts";
import type { NodeAnswer, NodeClient } from "./node.ts";
import type { ProcessDevice } from "./process-device.ts";

/** Failures of a node itself, which say nothing about a message: its store loses races, or it is busy. */
const OF_NODE = /necessary_message_not_found|missing_key|busy|timeout|timed out/i;

/** Whether an evaluation failed, as far as an answer shows it. */
const isFailure = ({ status, text, isCached }: NodeAnswer): boolean =>
  (status === 400 || status === 500) && !isCached && !OF_NODE.test(text);

/**
 * The slot at which a process ended: on this device, a message whose evaluation raises an error is tried again at every later one. The node
 * still serves the state before it, also by the number of its slot, and fails at the slot after that state.
 *
 * @param failed what the node answered for a result
 * @returns undefined if the process may go on
 */
export async function endedAt(
  { node, device }: { readonly node: NodeClient; readonly device: ProcessDevice },
  processId: string,
  failed: NodeAnswer,
  budget: Budget,
): Promise<number | undefined> {
  if (!isFailure(failed) || (await device(processId, budget)) !== LUA_DEVICE) return undefined;
  const process = `/${processId}~process@1.0`;
  const last = await node.ask({ path: `${process}/compute/at-slot` }, budget);
  const slot = Number(last.text.trim());
  if (!last.ok || last.isCached || last.text.trim() === "" || !Number.isInteger(slot)) return undefined;
  const atSlot = (at: number) => node.ask({ path: `${process}/compute=${at}/at-slot` }, budget);
  // A node that fails, or a proxy before it, fails at the slots that it has evaluated, too.
  if (!(await atSlot(slot)).ok) return undefined;
  return isFailure(await atSlot(slot + 1)) ? slot + 1 : undefined;
}

/** `PROCESS_RUINED`, as after a gap in the message order: final after three in a row. */
export const processEnded = (processId: string, slot: number, url: string, got: string): UnitError =>
  new UnitError(
    {
      code: "PROCESS_RUINED",
      what: `The process ${processId} can never evaluate a message again: the message at slot ${slot} ended it. ${LUA_DEVICE} tries that message again at every later one.`,
      got: `${got} (node at ${url})`,
      expected: "the result of a message",
      remedy: "Replace the process with a new one; its state is lost.",
    },
    "doubtful",
  );
