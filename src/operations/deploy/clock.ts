import { interrupt } from "./engine.ts";

/** Seconds that running steps get to end by themselves after the time is over, before pulumi is told to stop at once. */
const GRACE = 15;
/** Seconds until a pulumi that does not stop even then is killed. */
const LAST = 10;

type Ended = "timeout" | "interrupted";

/** The time of a whole run, and how it is ended early: gently first, then hard. */
export interface RunClock {
  readonly signal: AbortSignal;
  /** Why the run was asked to end; undefined while nobody did. */
  readonly ended: Ended | undefined;
  /** Resolves when the run is asked to end. */
  readonly whenEnded: Promise<void>;
  /** Seconds left; infinite without a limit. */
  remaining(): number;
  seconds(): number;
  /** Resolves when even the hard end was not obeyed. */
  readonly hopeless: Promise<void>;
  stop(): void;
}

/**
 * @param limit seconds for the run; undefined for none
 * @param onEnd told once, when the run is asked to end
 */
export function startClock(
  limit: number | undefined,
  onEnd: (why: Ended) => void,
  grace: { readonly soft: number; readonly hard: number } = { soft: GRACE, hard: LAST },
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
    timers.add(setTimeout(task, seconds * 1000));
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
  const onSignal = (signal: NodeJS.Signals) => {
    // A terminal sends Ctrl-C to pulumi too; a second one from here would make it drop what runs.
    if (signal === "SIGINT" && process.stdin.isTTY) {
      ended ??= "interrupted";
      tellEnded();
      onEnd("interrupted");
    } else end("interrupted");
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
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
      process.removeListener("SIGINT", onSignal);
      process.removeListener("SIGTERM", onSignal);
    },
  };
}

const seconds = (began: number): number => (performance.now() - began) / 1000;
