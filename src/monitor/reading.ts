/** What a process says of itself, or what is concluded when it says nothing. */
export type State = "HEALTHY" | "DEGRADED" | "UNHEALTHY" | "OFFLINE";

export const STATES: readonly State[] = ["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE"];

/** Counters of a process since its first load, as `Info` has them. */
export interface Counters {
  readonly messages: number;
  readonly errors: number;
  readonly refused: number;
  /** Kilobytes on the Lua heap. */
  readonly luaHeapKB: number;
}

/** What one round learnt of one process. */
export interface Reading {
  readonly name: string;
  readonly processId: string;
  /**
   * `answered`: by its own word. `silent`: no answer. `wrong`: an answer that is none. `unread`: nobody asked it, because the
   * units allow no more reads now; such a round says nothing about it. `unknown`: it was asked and not heard, because a unit was
   * slow, down or failed; such a round says nothing about it either, but that it is not known to be well.
   */
  readonly outcome: "answered" | "silent" | "wrong" | "unread" | "unknown";
  /** Why it did not answer: `NO_REPLY`, `UNIT_SLOW`, … */
  readonly code?: string;
  /** Its own word; only when it answered. */
  readonly health?: Exclude<State, "OFFLINE">;
  /** Checks that are not healthy, or why there was no answer. */
  readonly detail?: string;
  /** Milliseconds until the health check was answered. */
  readonly responseMs?: number;
  /** ACTIVE, DRAINING, RETIRED, … by `Info`. */
  readonly status?: string;
  readonly version?: string;
  readonly sourceHash?: string;
  readonly release?: string;
  readonly epoch?: number;
  readonly counters?: Counters;
  /** Newest slot that the scheduler gave out. */
  readonly slot?: number;
  /** Newest slot known to be evaluated. */
  readonly evaluatedSlot?: number;
  /** Evaluations since the last round that ended in a Lua error which nothing in the process caught, or counted. */
  readonly failed?: { readonly count: number; readonly of: number; readonly error: string };
  /** How it differs from what was deployed; none when it does not. */
  readonly drift?: readonly string[];
  /** What it says of the fleet's maintenance, where it is who keeps that. */
  readonly maintenance?: { readonly enabled: boolean; readonly reason: string };
  /** Who was refused since the last round and why, where the process tells. */
  readonly refusals?: string;
}

/** One look at the whole fleet. */
export interface Round {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly readings: readonly Reading[];
  /** A deployment runs now: what differs from the manifest is no drift yet. */
  readonly deploying: boolean;
  /** The fleet is being worked on: alerts about processes are not raised, but for attacks. @default false */
  readonly maintenance?: boolean;
}
