import { timerDelay } from "../../core/timers.ts";
import type { Interrupts } from "../context.ts";
import { interrupt } from "./engine.ts";

/** Seconds for running steps to finish after the time limit, before pulumi is told to stop at once. */
const GRACE = 15;
/** Further seconds until a pulumi that has not stopped is killed. */
const KILL_AFTER = 10;

/** Why a run was asked to stop. */
export type Ended = "timeout" | "interrupted";

/** The time limit of a whole run. Stops it at the limit or on an interrupt: gracefully first, then at once. */
export interface RunClock {
  readonly signal: AbortSignal;
  /** Why the run was asked to stop; undefined if it was not. */
  readonly ended: Ended | undefined;
  /** Resolves when the run is asked to stop. */
  readonly whenEnded: Promise<void>;
  /** Seconds left; infinite without a limit. */
  remaining(): number;
  seconds(): number;
  /** Resolves when pulumi ignored both requests to stop and must be killed. */
  readonly hopeless: Promise<void>;
  stop(): void;
}

/**
 * @param limit seconds for the run; undefined for no limit
 * @param onEnd called when the run is asked to stop
 * @param interrupts requests to stop by a person or by a supervisor
 * @param grace seconds after the limit until pulumi is told to stop at once (`soft`), and then until it counts as unresponsive (`hard`)
 */
export function startClock(
  limit: number | undefined,
  onEnd: (why: Ended) => void,
  interrupts: Interrupts,
  grace: { readonly soft: number; readonly hard: number } = { soft: GRACE, hard: KILL_AFTER },
): RunClock {
  const began = performance.now();
  const controller = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  let ended: Ended | undefined;
  let giveUp: () => void = () => {};
  const hopeless = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  let tellEnded: () => void = () => {};
  const whenEnded = new Promise<void>((resolve) => {
    tellEnded = resolve;
  });
  const after = (seconds: number, task: () => void) => {
    timers.add(setTimeout(task, timerDelay(seconds * 1000)));
  };
  const end = (why: Ended) => {
    if (ended === undefined) {
      ended = why;
      tellEnded();
      onEnd(why);
    }
    interrupt(controller);
  };
  if (limit !== undefined) {
    after(limit, () => end("timeout"));
    after(limit + grace.soft, () => end("timeout"));
    after(limit + grace.soft + grace.hard, () => giveUp());
  }
  const forget = interrupts((reachesPulumi) => {
    if (!reachesPulumi) return end("interrupted");
    // A second interrupt from here would make pulumi cancel running steps.
    ended ??= "interrupted";
    tellEnded();
    onEnd("interrupted");
  });
  return {
    signal: controller.signal,
    get ended() {
      return ended;
    },
    whenEnded,
    remaining: () => (limit === undefined ? Number.POSITIVE_INFINITY : Math.max(0, limit - seconds(began))),
    seconds: () => seconds(began),
    hopeless,
    stop() {
      for (const timer of timers) clearTimeout(timer);
      forget();
    },
  };
}

const seconds = (began: number): number => (performance.now() - began) / 1000;
