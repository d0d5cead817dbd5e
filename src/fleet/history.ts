import type { Ao, Evaluation, Scheduled } from "../ao/port.ts";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";

/** A message with what came of it. */
export interface Entry extends Scheduled {
  /** None when it has no result yet. */
  readonly result?: Evaluation;
}

/** Reads the order of a process, each read with a time of its own. */
export interface History {
  /** The newest slot; undefined when the process has none. */
  latest(processId: string): Promise<number | undefined>;
  /** Messages from one slot to another, both included, oldest first. */
  range(processId: string, from: number, to: number): Promise<Scheduled[]>;
  /** What came of a message, by `resultIdOf`; undefined when there is no result within a few seconds. */
  result(processId: string, resultId: string): Promise<Evaluation | undefined>;
}

/** What of a session the history needs. */
export interface HistoryParts {
  readonly session: { readonly ao: Pick<Ao, "latest" | "range" | "evaluation"> };
}

/** What the result of a message is asked for by. */
export const resultIdOf = ({ messageId, assignmentId }: Scheduled): string => assignmentId ?? messageId;

/** The history of a fleet's processes. @param seconds that one read may take */
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
