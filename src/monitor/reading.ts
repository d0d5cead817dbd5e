/** The state that a process reports, or that is concluded if it does not answer. */
export type State = "HEALTHY" | "DEGRADED" | "UNHEALTHY" | "OFFLINE";

export const STATES: readonly State[] = ["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE"];

/** Counters of a process since its first load, as in `Info`. */
export interface Counters {
  readonly messages: number;
  readonly errors: number;
  readonly refused: number;
  /** Kilobytes on the Lua heap. */
  readonly luaHeapKB: number;
}

/** The result of one round for one process. */
export interface Reading {
  readonly name: string;
  readonly processId: string;
  /**
   * `answered`: it answered. `silent`: no answer. `wrong`: an invalid answer. `unread`: it was not asked, because the units allow
   * no more reads now; such a round says nothing about it. `unknown`: it was asked, but a unit was slow, down or failed; such a
   * round does not change its state either, but it is not known to be healthy.
   */
  readonly outcome: "answered" | "silent" | "wrong" | "unread" | "unknown";
  /** It can only be read by a signed message, which a monitor does not send: it does not count, for or against the fleet. */
  readonly needsSignedRead?: true;
  /** Why it did not answer: `NO_REPLY`, `UNIT_SLOW`, … */
  readonly code?: string;
  /** The state that it reports; only if it answered. */
  readonly health?: Exclude<State, "OFFLINE">;
  /** Checks that are not healthy, or why it did not answer. */
  readonly detail?: string;
  /** Response time of the health check in milliseconds. */
  readonly responseMs?: number;
  /** It was not asked: the rest is what it published after the message of this slot and time (milliseconds since 1970). */
  readonly published?: { readonly slot?: number; readonly at: number };
  /** ACTIVE, DRAINING, RETIRED, …, from `Info`. */
  readonly status?: string;
  readonly version?: string;
  readonly sourceHash?: string;
  readonly release?: string;
  readonly epoch?: number;
  readonly counters?: Counters;
  /** Newest slot that the scheduler has assigned. */
  readonly slot?: number;
  /** Newest slot known to be evaluated. */
  readonly evaluatedSlot?: number;
  /** Evaluations since the last round that ended in a Lua error that the process neither caught nor counted. */
  readonly failed?: { readonly count: number; readonly of: number; readonly error: string };
  /** How it differs from what was deployed; empty if it does not. */
  readonly drift?: readonly string[];
  /** The fleet's maintenance mode, if this process manages it. */
  readonly maintenance?: { readonly enabled: boolean; readonly reason: string };
  /** Who was refused since the last round and why, if the process reports it. */
  readonly refusals?: string;
  /** The latest tick of its cron in milliseconds since 1970, by the scheduler's clock; absent if it had none. */
  readonly lastTickAt?: number;
  /** Its cron, if the fleet's monitor drives it. */
  readonly cron?: DrivenCron;
  /** Its latest tick could not be read: its cron keeps its state. */
  readonly ticksUnread?: true;
}

/** A cron that the fleet's monitor drives. */
export interface DrivenCron {
  /** `30-seconds`, as declared. */
  readonly interval: string;
  readonly everyMs: number;
  /** Milliseconds since 1970 at which its member was deployed; absent if that is unknown. */
  readonly since?: number;
}

/** One round of reads of the whole fleet. */
export interface Round {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly readings: readonly Reading[];
  /** A deployment is under way: differences from the manifest are not drift yet. */
  readonly deploying: boolean;
  /** The fleet is in maintenance: alerts about processes are not raised, except for attacks. @default false */
  readonly maintenance?: boolean;
}
