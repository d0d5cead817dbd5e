import { setTimeout as sleep } from "node:timers/promises";
import { notEvaluated, UnitError } from "../errors.ts";
import type { Ao, Evaluation } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { resultIdsOf } from "./assigned.ts";
import { readResult } from "./cu.ts";
import type { effectsOf } from "./effects.ts";
import type { Unit } from "./http.ts";

/** How results are waited for; milliseconds, see `LegacyLimits`. */
interface Waits {
  readonly firstLook?: number;
  readonly repostAfter?: number;
}

interface ResultParts {
  readonly cu: Unit;
  readonly backoff: Backoff;
  readonly effects: Pick<ReturnType<typeof effectsOf>, "repost">;
  readonly resultIds: ReturnType<typeof resultIdsOf>;
}

/** Waits for what messages came to, and posts again what its scheduler does not have. */
export function resultsOf(
  { cu, backoff, effects, resultIds }: ResultParts,
  { firstLook = 400, repostAfter = 10_000 }: Waits = {},
): { evaluation: Ao["evaluation"]; noteSent(processId: string): void } {
  /** When this connection last sent to a process that has not answered anything yet. */
  const fresh = new Map<string, number>();
  const warm = new Set<string>();

  const noteSent = (processId: string) => {
    if (!warm.has(processId)) fresh.set(processId, performance.now());
  };

  const evaluation: Ao["evaluation"] = async ({ processId, messageId, expectOutput = false }, budget) => {
    const sentAt = fresh.get(processId);
    if (sentAt !== undefined) {
      const wait = Math.min(sentAt + firstLook - performance.now(), budget.remaining());
      if (wait > 0) await sleep(wait);
    }
    let repostAt = performance.now() + repostAfter;
    let patience = repostAfter;
    let isSought = false;
    return retrying(
      `waiting for the result of the message ${messageId}`,
      budget,
      async () => {
        try {
          const resultId = await resultIds.of(messageId, budget);
          const result = await readResult(cu, processId, { messageId, resultId }, budget);
          if (expectOutput && isEmpty(result)) throw notEvaluated(processId, messageId, "an empty output");
          if (!isEmpty(result)) {
            warm.add(processId);
            fresh.delete(processId);
          }
          return result;
        } catch (error) {
          if (isUnknownThere(error) && !isSought) {
            // What the compute unit said counts, whoever else cannot be asked.
            isSought = await resultIds.seek({ processId, messageId }, budget).then(
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

const isEmpty = ({ output, error, messages, spawns }: Evaluation) =>
  output === "" && error === undefined && messages.length === 0 && spawns.length === 0;

/** The compute unit said that it cannot find it, or fell over it. */
const isUnknownThere = (error: unknown) =>
  error instanceof UnitError && (error.code === "UNIT_FAILED" || error.code === "PROCESS_UNKNOWN");
