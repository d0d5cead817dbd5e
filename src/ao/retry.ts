import { setTimeout as sleep } from "node:timers/promises";
import { amount } from "../core/amount.ts";
import type { Budget } from "../core/budget.ts";
import { FleetError, type Problem } from "../core/errors.ts";
import { seconds, UnitError } from "./errors.ts";

/** How waits between tries grow. */
export interface Backoff {
  /** Milliseconds; the first wait is between `floor` and this. Default 150. */
  readonly base: number;
  /** Milliseconds; no wait is longer, unless the unit asks for it. Default 5,000. */
  readonly cap: number;
  /** Milliseconds; no wait is shorter. Default 20. */
  readonly floor: number;
  /** Told of work that waits: after every try that failed, and every second of one that goes on. @default nobody */
  readonly observe?: (wait: Wait) => void;
}

/** Work that has not succeeded yet, as an observer is told of it. */
export interface Wait {
  /** "sending message …" */
  readonly what: string;
  /** Milliseconds since it began. */
  readonly waited: number;
  /** Milliseconds that it may still take. */
  readonly left: number;
  /** What the latest try ended with: the unit and its words. None while the first goes on. */
  readonly last?: Problem;
}

export const defaultBackoff: Backoff = { base: 150, cap: 5000, floor: 20 };

/** A refusal without a known reason is believed when it comes so often in a row. */
const BELIEVED_AFTER = 3;

/** Milliseconds; a try without an answer in less than this does not make the unit slow. */
const SHORT_TRY = 1000;

/** Milliseconds between two words about a try that goes on. */
const BEAT = 1000;

/** Milliseconds before try number `tries + 1`: exponential with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). */
export function backoffOf(tries: number, { base, cap, floor }: Backoff = defaultBackoff): number {
  const ceiling = Math.min(cap, base * 2 ** Math.min(tries - 1, 20));
  return floor + Math.random() * Math.max(0, ceiling - floor);
}

/**
 * Tries until it works, the error is permanent, or the budget cannot pay for another wait.
 *
 * @param what the work in the user's words, after "Gave up on": "sending message …"
 * @throws FleetError the permanent error as it was; otherwise one that names the work, the tries, the budget and the last
 * answer, with the last answer's code (`NOT_EVALUATED` and the like become `BUDGET_SPENT`) and `transient`
 */
export async function retrying<T>(
  what: string,
  budget: Budget,
  attempt: (tries: number) => Promise<T>,
  backoff: Backoff = defaultBackoff,
): Promise<T> {
  let last: FleetError | undefined;
  const began = performance.now();
  const tell = () =>
    backoff.observe?.({
      what,
      waited: performance.now() - began,
      left: budget.remaining(),
      ...(last ? { last: last.problems[0] } : {}),
    });
  const beat = backoff.observe && setInterval(tell, BEAT).unref();
  try {
    return await trying(what, budget, attempt, backoff, (error) => {
      last = error;
      tell();
    });
  } finally {
    clearInterval(beat);
  }
}

/** @param failed told the latest answer after each try that may be repeated */
async function trying<T>(
  what: string,
  budget: Budget,
  attempt: (tries: number) => Promise<T>,
  backoff: Backoff,
  failed: (error: FleetError) => void,
): Promise<T> {
  let last: FleetError | undefined;
  let refusals = 0;
  for (let tries = 1; ; tries += 1) {
    if (budget.remaining() <= 0) throw gaveUp(what, budget, tries - 1, last);
    const started = performance.now();
    try {
      return await attempt(tries);
    } catch (error) {
      if (!(error instanceof FleetError) || !error.transient) throw error;
      const unitError = error instanceof UnitError ? error : undefined;
      refusals = unitError?.belief === "doubtful" && error.code === last?.code ? refusals + 1 : 1;
      if (unitError?.belief === "doubtful" && refusals >= BELIEVED_AFTER) {
        throw new FleetError(error.problems, { cause: error.cause });
      }
      // A try that only the end of the budget cut short says nothing about the unit: the answer before it does.
      const cutShort = error.code === "UNIT_SLOW" && performance.now() - started < SHORT_TRY;
      last = cutShort ? (last ?? error) : error;
      failed(last);
      const wait = Math.max(unitError?.retryAfter ?? 0, backoffOf(tries, backoff));
      if (wait >= budget.remaining()) throw gaveUp(what, budget, tries, last);
      await sleep(wait);
    }
  }
}

/** Codes that say what is wrong better than `BUDGET_SPENT` would. */
const telling = new Set([
  "UNIT_DOWN",
  "UNIT_SLOW",
  "UNIT_NOT_AO",
  "RATE_LIMITED",
  "PROCESS_UNKNOWN",
  "MODULE_UNKNOWN",
  "SCHEDULER_UNKNOWN",
  "DATA_UNKNOWN",
]);

function gaveUp(what: string, budget: Budget, tries: number, last: FleetError | undefined): FleetError {
  if (budget.gaveUp) budget.gaveUp.isSo = true;
  const problem: Problem = {
    code: last && telling.has(last.code) ? last.code : "BUDGET_SPENT",
    what: `Gave up on ${what} after ${amount(tries, "try", "tries")} within ${seconds(budget.total)}`,
    got: last
      ? `${last.problems[0].what}: ${last.problems[0].got ?? last.code}`
      : "no time left before the first try",
    expected: last?.problems[0].expected ?? "time left for at least one try",
    remedy: `${last?.problems[0].remedy ?? "Raise the time limit."} Running the same command again goes on from here.`,
  };
  return new FleetError(problem, { transient: true, ...(last ? { cause: last } : {}) });
}
