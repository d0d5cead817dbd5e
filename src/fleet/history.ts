import type { Ao, Evaluation, Scheduled } from "../ao/port.ts";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";

/** A message with its result. */
export interface Entry extends Scheduled {
  /** Absent if there is no result yet. */
  readonly result?: Evaluation;
}

/** Reads the message order of a process; each read has its own time limit. */
export interface History {
  /** The newest slot; undefined if the process has none. */
  latest(processId: string): Promise<number | undefined>;
  /** Messages from one slot to another, both included, oldest first. */
  range(processId: string, from: number, to: number): Promise<Scheduled[]>;
  /** The result of a message, by `resultIdOf`; undefined if there is none within a few seconds. */
  result(processId: string, resultId: string): Promise<Evaluation | undefined>;
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
    async result(processId, resultId) {
      try {
        return await ao.evaluation({ processId, messageId: resultId }, budgetOf(20));
      } catch (error) {
        if (error instanceof FleetError && error.transient) return undefined;
        throw error;
      }
    },
  };
}
