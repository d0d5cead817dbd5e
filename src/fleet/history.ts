import type { Ao, Evaluation, Scheduled } from "../ao/port.ts";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";

/** A message with its result. */
export interface Entry extends Scheduled {
  /** Absent if there is no result yet. */
  readonly result?: Evaluation;
  /** The earlier slot with the same bytes, if it was read: a node gives bytes that are posted again another slot. */
  readonly repeats?: number;
}

/** Reads the message order of a process; each read has its own time limit. */
export interface History {
  /** The newest slot; undefined if the process has none. */
  latest(processId: string): Promise<number | undefined>;
  /** Messages from one slot to another, both included, oldest first. */
  range(processId: string, from: number, to: number): Promise<Scheduled[]>;
  /** The result of a message at its slot, by `resultIdOf`; undefined if there is none within a few seconds. */
  result(processId: string, resultId: string, slot: number): Promise<Evaluation | undefined>;
}

/** The part of a session that the history needs. */
export interface HistoryParts {
  readonly session: { readonly ao: Pick<Ao, "latest" | "range" | "evaluation"> };
}

/** The id of a message's result. */
export const resultIdOf = ({ messageId, assignmentId }: Scheduled): string => assignmentId ?? messageId;

/** The history of a fleet's processes. @param seconds time limit of one read */
export function historyOf({ session: { ao } }: HistoryParts, seconds: number): History {
  return {
    latest: (processId) => ao.latest(processId, budgetOf(seconds)),
    range: (processId, from, to) => ao.range({ processId, from, to }, budgetOf(seconds)),
    async result(processId, resultId, slot) {
      try {
        return await ao.evaluation({ processId, messageId: resultId, slot }, budgetOf(20));
      } catch (error) {
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
