import { setTimeout as sleep } from "node:timers/promises";
import { amount } from "../core/amount.ts";
import type { Budget } from "../core/budget.ts";
import { FleetError, type Problem } from "../core/errors.ts";
import { seconds, UnitError } from "./errors.ts";

/** How the waits between attempts grow. */
export interface Backoff {
  /** Milliseconds; the first wait is between `floor` and this. Default 150. */
  readonly base: number;
  /** Milliseconds; no wait is longer, unless the unit requests it. Default 5,000. */
  readonly cap: number;
  /** Milliseconds; no wait is shorter. Default 20. */
  readonly floor: number;
  /** Called after every failed attempt, and every second during one that is running. @default none */
  readonly observe?: (wait: Wait) => void;
}

/** Work that has not succeeded yet, as reported to an observer. */
export interface Wait {
  /** "sending message …" */
  readonly what: string;
  /** Milliseconds since it started. */
  readonly waited: number;
  /** Milliseconds that it may still take. */
  readonly left: number;
  /** How the latest attempt failed: the unit and its message. None during the first. */
  readonly last?: Problem;
}

export const defaultBackoff: Backoff = { base: 150, cap: 5000, floor: 20 };

/** A refusal without a known reason is final after this many in a row. Lookups between them that find nothing do not count. */
const FINAL_AFTER = 3;

/** Milliseconds. A shorter attempt that got no answer does not prove that the unit is slow. */
const SHORT_ATTEMPT = 1000;

/** Milliseconds between two reports about an attempt that is running. */
const REPORT_INTERVAL = 1000;

/** Milliseconds before attempt number `tries + 1`: exponential with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). */
export function backoffOf(tries: number, { base, cap, floor }: Backoff = defaultBackoff): number {
  const ceiling = Math.min(cap, base * 2 ** Math.min(tries - 1, 20));
  return floor + Math.random() * Math.max(0, ceiling - floor);
}

/**
 * Retries until it succeeds, the error is permanent or lasting, or the budget does not cover another wait.
 *
 * @param what the work in the user's terms, after "Gave up on": "sending message …"
 * @throws FleetError the permanent or lasting error unchanged; otherwise one that names the work, the attempts, the budget and the last
 * failure, with the last failure's code (`NOT_EVALUATED` and the like become `BUDGET_SPENT`) and `transient`
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
  const beat = backoff.observe && setInterval(tell, REPORT_INTERVAL).unref();
  try {
    return await trying(what, budget, attempt, backoff, (error) => {
      last = error;
      tell();
    });
  } finally {
    clearInterval(beat);
  }
}

/** @param failed called with the failure after each attempt that may be retried */
async function trying<T>(
  what: string,
  budget: Budget,
  attempt: (tries: number) => Promise<T>,
  backoff: Backoff,
  failed: (error: FleetError) => void,
): Promise<T> {
  let last: FleetError | undefined;
  let refusal: { readonly code: string; readonly times: number } | undefined;
  for (let tries = 1; ; tries += 1) {
    if (budget.remaining() <= 0) throw gaveUp(what, budget, tries - 1, last);
    const started = performance.now();
    try {
      return await attempt(tries);
    } catch (error) {
      if (!(error instanceof FleetError) || !error.transient) throw error;
      const unitError = error instanceof UnitError ? error : undefined;
      if (unitError?.certainty === "lasting") throw error;
      if (unitError?.certainty === "doubtful") {
        refusal = { code: error.code, times: refusal?.code === error.code ? refusal.times + 1 : 1 };
        if (refusal.times >= FINAL_AFTER) throw new FleetError(error.problems, { cause: error.cause });
      } else if (error.code !== "NOT_ARRIVED") refusal = undefined;
      // An attempt that was cut short by the end of the budget says nothing about the unit; the failure before it does.
      const cutShort = error.code === "UNIT_SLOW" && performance.now() - started < SHORT_ATTEMPT;
      last = cutShort ? (last ?? error) : error;
      failed(last);
      const wait = Math.max(unitError?.retryAfter ?? 0, backoffOf(tries, backoff));
      if (wait >= budget.remaining()) throw gaveUp(what, budget, tries, last);
      await sleep(wait);
    }
  }
}

/** Codes that are more specific than `BUDGET_SPENT`. */
const specificCodes = new Set([
  "UNIT_DOWN",
  "UNIT_SLOW",
  "UNIT_NOT_AO",
  "UNIT_REDIRECTED",
  "RATE_LIMITED",
  "PROCESS_UNKNOWN",
  "PROCESS_STUCK",
  "MODULE_UNKNOWN",
  "SCHEDULER_UNKNOWN",
  "DATA_UNKNOWN",
]);

/** The error of work that waited for other work until its budget ended. */
export function gaveUpWaiting(what: string, budget: Budget, got: string): FleetError {
  if (budget.gaveUp) budget.gaveUp.isSo = true;
  return new FleetError(
    {
      code: "BUDGET_SPENT",
      what: `Gave up on ${what} within ${seconds(budget.total)}.`,
      got,
      expected: "its turn in time",
      remedy: remedyOf("Raise the time limit.", budget),
    },
    { transient: true },
  );
}

/** Only some commands continue: to run another one again, such as `fleet call`, signs another message. */
const remedyOf = (remedy: string, { continues }: Budget): string =>
  continues ? `${remedy} Running the same command again continues from here.` : remedy;

function gaveUp(what: string, budget: Budget, tries: number, last: FleetError | undefined): FleetError {
  if (budget.gaveUp) budget.gaveUp.isSo = true;
  const problem: Problem = {
    code: last && specificCodes.has(last.code) ? last.code : "BUDGET_SPENT",
    what: `Gave up on ${what} after ${amount(tries, "attempt")} within ${seconds(budget.total)}.`,
    got: last
      ? `${last.problems[0].what} ${last.problems[0].got ?? last.code}`
      : "no time left before the first attempt",
    expected: last?.problems[0].expected ?? "time for at least one attempt",
    remedy: remedyOf(last?.problems[0].remedy ?? "Raise the time limit.", budget),
  };
  return new FleetError(problem, { transient: true, ...(last ? { cause: last } : {}) });
}
