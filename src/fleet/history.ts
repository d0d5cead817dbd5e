import type { Ao, Evaluation, Scheduled } from "../ao/port.ts";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";
import { isRuinedError, isStuckError } from "./members/ruined.ts";

/** A message with its result. */
export interface Entry extends Scheduled {
  /** Absent if there is no result yet. */
  readonly result?: Evaluation;
  /** It was not evaluated, because its process is `PROCESS_RUINED` or `PROCESS_STUCK`. */
  readonly notComputed?: string;
  /** The earlier slot with the same bytes, if it was read: a node gives bytes that are posted again another slot. */
  readonly repeats?: number;
}

/** Reads the message order of a process; each read has its own time limit. */
export interface History {
  /** The newest slot; undefined if the process has none. */
  latest(processId: string): Promise<number | undefined>;
  /** Messages from one slot to another, both included, oldest first. */
  range(processId: string, from: number, to: number): Promise<Scheduled[]>;
  /** The result of a message at its slot, by `resultIdOf`; undefined if there is none within a few seconds, or the process is stopped. */
  result(processId: string, resultId: string, slot: number): Promise<Evaluation | undefined>;
  /**
   * Why a process computes nothing after some slot, as the latest read of a result found: `PROCESS_RUINED` or `PROCESS_STUCK`; undefined if
   * that is not known of it. Absent where nobody shows it.
   */
  readonly stopped?: (processId: string) => string | undefined;
}

/** The part of a session that the history needs. */
export interface HistoryParts {
  readonly session: { readonly ao: Pick<Ao, "latest" | "range" | "evaluation"> };
}

/**
 * The newest slot of a process.
 *
 * @throws FleetError PROCESS_UNKNOWN if the network has no such process
 */
export async function newestSlot(history: Pick<History, "latest">, processId: string): Promise<number> {
  const latest = await history.latest(processId);
  if (latest !== undefined) return latest;
  throw new FleetError({
    code: "PROCESS_UNKNOWN",
    what: `The network of this stack has no process ${processId}.`,
    got: processId,
    expected: "a member of the fleet, or the id of a process on this network",
    remedy:
      "Check the id, and `network` in the stack's settings. npx fleet status lists the ids of the fleet.",
  });
}

/** The id of a message's result. */
export const resultIdOf = ({ messageId, assignmentId }: Scheduled): string => assignmentId ?? messageId;

/** The history of a fleet's processes. @param seconds time limit of one read */
export function historyOf({ session: { ao } }: HistoryParts, seconds: number): History {
  const stopped = new Map<string, string>();
  return {
    stopped: (processId) => stopped.get(processId),
    latest: (processId) => ao.latest(processId, budgetOf(seconds)),
    range: (processId, from, to) => ao.range({ processId, from, to }, budgetOf(seconds)),
    async result(processId, resultId, slot) {
      try {
        return await ao.evaluation({ processId, messageId: resultId, slot }, budgetOf(20));
      } catch (error) {
        if (isRuinedError(error) || isStuckError(error)) {
          stopped.set(processId, error.code);
          return undefined;
        }
        if (error instanceof FleetError && error.transient) return undefined;
        throw error;
      }
    },
  };
}

/**
 * The first slot of each message, as far as slots were read. Pure.
 *
 * @param found those of messages that were read before; completed in place
 */
export function noteFirstSlots(
  found: Map<string, number>,
  read: readonly Pick<Scheduled, "messageId" | "slot">[],
): void {
  for (const { messageId, slot } of read) found.set(messageId, Math.min(slot, found.get(messageId) ?? slot));
}

/** Adds the slot that it repeats to a message, if there is an earlier one. Pure. */
export function withRepeat<T extends Pick<Scheduled, "messageId" | "slot">>(
  first: ReadonlyMap<string, number>,
  message: T,
): T & { readonly repeats?: number } {
  const slot = first.get(message.messageId) ?? message.slot;
  return slot < message.slot ? { ...message, repeats: slot } : message;
}
