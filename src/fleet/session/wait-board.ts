import { seconds } from "../../ao/errors.ts";
import type { Wait } from "../../ao/retry.ts";

/** Milliseconds of waiting before the first notice. Most units answer sooner. */
const FIRST = 5_000;

/** Milliseconds without a report after which a wait has ended. */
const EXPIRY = 30_000;

interface Group {
  /** Milliseconds of waiting at which the next line is due. */
  due: number;
  at: number;
  readonly works: Map<string, { readonly at: number; readonly waited: number }>;
}

/**
 * Reports what a run waits for: one line after 5 s, then at growing intervals (15, 30, 60, … s). Work that waits for the same unit
 * shares one line: the unit, the reason, the time waited and the time limit.
 */
export class WaitBoard {
  readonly #print: (line: string) => void;
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();

  /** @param now milliseconds of any clock */
  constructor(print: (line: string) => void, now: () => number = () => performance.now()) {
    this.#print = print;
    this.#now = now;
  }

  observe(wait: Wait): void {
    const now = this.#now();
    const key = keyOf(wait);
    const known = this.#groups.get(key);
    const group = known && now - known.at <= EXPIRY ? known : { due: FIRST, at: now, works: new Map() };
    this.#groups.set(key, group);
    group.at = now;
    group.works.set(wait.what, { at: now, waited: wait.waited });
    for (const [what, { at }] of group.works) if (now - at > EXPIRY) group.works.delete(what);
    if (wait.waited < group.due) return;
    group.due = nextNotice(wait.waited);
    this.#print(lineOf(wait, group.works.size - 1));
  }
}

/** 5 s, 15 s, 30 s, 60 s, … Pure. */
export function nextNotice(waited: number): number {
  if (waited < FIRST) return FIRST;
  let due = 15_000;
  while (due <= waited) due *= 2;
  return due;
}

/** The key by which waits are grouped: the unit and its error; for errors of single processes, only the code. */
function keyOf({ last }: Wait): string {
  if (last === undefined) return "";
  return last.code.startsWith("UNIT_") ? `${last.code} ${last.what}` : last.code;
}

function lineOf({ what, last, waited, left }: Wait, others: number): string {
  const reason = last === undefined ? "no answer yet" : `${last.what} [${last.code}]`;
  const more = others > 0 ? `; ${others} more ${others === 1 ? "waits" : "wait"} for the same` : "";
  return `${reason}: ${what}, ${seconds(waited)} of at most ${seconds(waited + left)}${more}`;
}
