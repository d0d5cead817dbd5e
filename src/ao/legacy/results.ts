import { setTimeout as sleep } from "node:timers/promises";
import { notEvaluated, UnitError } from "../errors.ts";
import type { Ao } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { Unit } from "../shared/http.ts";
import { isEmptyEvaluation } from "../shared/shapes.ts";
import { readResult } from "./cu.ts";
import type { effectsOf } from "./effects.ts";
import type { resultIdsOf } from "./result-ids.ts";

/** The waits for results, in milliseconds; see `LegacyLimits`. */
interface Waits {
  readonly firstRead?: number;
  readonly repostAfter?: number;
}

interface ResultParts {
  readonly cu: Unit;
  readonly backoff: Backoff;
  readonly effects: Pick<ReturnType<typeof effectsOf>, "repost">;
  readonly resultIds: ReturnType<typeof resultIdsOf>;
}

/** Waits for the results of messages, and reposts messages that their scheduler does not have. */
export function resultsOf(
  { cu, backoff, effects, resultIds }: ResultParts,
  { firstRead = 400, repostAfter = 10_000 }: Waits = {},
): { evaluation: Ao["evaluation"]; noteSent(processId: string): void } {
  /** When this connection last sent to each process that has not answered yet. */
  const unanswered = new Map<string, number>();
  const answered = new Set<string>();

  const noteSent = (processId: string) => {
    if (!answered.has(processId)) unanswered.set(processId, performance.now());
  };

  const evaluation: Ao["evaluation"] = async ({ processId, messageId, expectOutput = false }, budget) => {
    const sentAt = unanswered.get(processId);
    if (sentAt !== undefined) {
      const wait = Math.min(sentAt + firstRead - performance.now(), budget.remaining());
      if (wait > 0) await sleep(wait);
    }
    let repostAt = performance.now() + repostAfter;
    let patience = repostAfter;
    let hasSearched = false;
    return retrying(
      `waiting for the result of the message ${messageId}`,
      budget,
      async () => {
        try {
          const resultId = await resultIds.of(messageId, budget);
          const result = await readResult(cu, processId, { messageId, resultId }, budget);
          if (expectOutput && isEmptyEvaluation(result))
            throw notEvaluated(processId, messageId, "an empty output");
          if (!isEmptyEvaluation(result)) {
            answered.add(processId);
            unanswered.delete(processId);
          }
          return result;
        } catch (error) {
          if (isUnknownThere(error) && !hasSearched) {
            // If the search fails, the compute unit's own error is reported.
            hasSearched = await resultIds.findAssignment({ processId, messageId }, budget).then(
              () => true,
              () => false,
            );
          }
          if (isUnknownThere(error) && performance.now() >= repostAt) {
            await effects.repost(processId, budget);
            if (messageId !== processId) await effects.repost(messageId, budget);
            patience *= 2;
            repostAt = performance.now() + patience;
          }
          throw error;
        }
      },
      backoff,
    );
  };

  return { evaluation, noteSent };
}

/** The compute unit did not find it, or failed on it. */
const isUnknownThere = (error: unknown) =>
  error instanceof UnitError && (error.code === "UNIT_FAILED" || error.code === "PROCESS_UNKNOWN");
