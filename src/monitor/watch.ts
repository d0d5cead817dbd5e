import type { Limits } from "./limits.ts";
import type { Counters, Reading, State } from "./reading.ts";

/** The data of a process that is kept from round to round. */
export interface Watched {
  readonly name: string;
  readonly processId: string;
  /** UNKNOWN before the first read. */
  readonly state: State | "UNKNOWN";
  /** Start of this state. */
  readonly since: number;
  /** Rounds in a row without an answer. */
  readonly misses: number;
  /** Rounds in a row in which it could not be read because of a unit. @default 0 */
  readonly unknownRounds?: number;
  /** Time of the first of those. */
  readonly unknownSince?: number;
  readonly lastAnswerAt?: number;
  /** The latest answer. */
  readonly reading: Reading;
  /** Counters of the latest answer. */
  readonly counters?: Counters;
  /** Increase of the counters between the last two answers; none if they were reset, or in a round without an answer. */
  readonly delta?: Counters;
  /** Since when the newest slot has not been evaluated. */
  readonly pendingSince?: number;
  /** Rounds in a row in which the same slot was the newest evaluated one while newer ones waited. */
  readonly pendingRounds: number;
}

/**
 * Processes a reading. A process that does not answer keeps its state until enough answers are missing in a row; one that was not
 * or could not be read keeps it as long as that lasts. Pure.
 */
export function watch(before: Watched | undefined, read: Reading, at: number, limits: Limits): Watched {
  const earlier = before?.processId === read.processId ? before : undefined;
  const pending = pendingOf(earlier, read, at);
  if (read.outcome === "unread" || read.outcome === "unknown") {
    const unknown = read.outcome === "unknown" ? unknownFor(earlier, at) : {};
    if (!earlier) return { ...blank(read, at), ...pending, ...unknown };
    // What the last two answers told was counted in the round of the last one.
    const { pendingSince: _since, delta: _delta, ...rest } = earlier;
    return { ...rest, reading: { ...earlier.reading, ...read }, ...pending, ...unknown };
  }
  const reading = keepSlots(earlier, read);
  const missed = reading.outcome === "silent";
  const misses = missed ? (earlier?.misses ?? 0) + 1 : 0;
  const state = missed
    ? misses >= limits.missesToOffline
      ? "OFFLINE"
      : (earlier?.state ?? "UNKNOWN")
    : stateOf(reading, limits);
  const delta = deltaOf(earlier?.counters, reading.counters);
  const counters = reading.counters ?? earlier?.counters;
  const lastAnswerAt = missed ? earlier?.lastAnswerAt : at;
  return {
    name: reading.name,
    processId: reading.processId,
    state,
    since: earlier && earlier.state === state ? earlier.since : at,
    misses,
    reading: missed && earlier ? keepLastKnown(earlier.reading, reading) : reading,
    ...(lastAnswerAt === undefined ? {} : { lastAnswerAt }),
    ...(counters === undefined ? {} : { counters }),
    ...(delta === undefined ? {} : { delta }),
    ...pending,
  };
}

const unknownFor = (earlier: Watched | undefined, at: number) => ({
  unknownRounds: (earlier?.unknownRounds ?? 0) + 1,
  unknownSince: earlier?.unknownSince ?? at,
});

/** Its current state: UNKNOWN if it could not be read in the latest round, whatever it was before. */
export const stateNow = ({ state, reading }: Watched): State | "UNKNOWN" =>
  reading.outcome === "unknown" ? "UNKNOWN" : state;

/** The state according to one answer. */
function stateOf(reading: Reading, limits: Limits): State {
  if (reading.outcome === "silent") return "OFFLINE";
  if (reading.outcome === "wrong" || reading.health === undefined) return "UNHEALTHY";
  const slow = reading.responseMs !== undefined && reading.responseMs > limits.responseMs;
  return reading.health === "HEALTHY" && slow ? "DEGRADED" : reading.health;
}

const blank = (reading: Reading, at: number) => ({
  name: reading.name,
  processId: reading.processId,
  state: "UNKNOWN" as const,
  since: at,
  misses: 0,
  reading,
});

/** If the scheduler does not answer, the last known slots are kept. */
function keepSlots(earlier: Watched | undefined, reading: Reading): Reading {
  const { slot, evaluatedSlot } = earlier?.reading ?? {};
  if (reading.slot !== undefined || slot === undefined) return reading;
  return { ...reading, slot, ...(evaluatedSlot === undefined ? {} : { evaluatedSlot }) };
}

/** A round without an answer keeps the last known values, with the reason for the missing answer. */
function keepLastKnown(last: Reading, now: Reading): Reading {
  const { version, sourceHash, release, epoch, status } = last;
  const kept = Object.fromEntries(
    Object.entries({ version, sourceHash, release, epoch, status }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  return { ...kept, ...now };
}

function deltaOf(before: Counters | undefined, now: Counters | undefined): Counters | undefined {
  if (!before || !now) return undefined;
  // Fewer than before: the memory is another one, and the counters were reset.
  if (now.messages < before.messages || now.errors < before.errors || now.refused < before.refused)
    return undefined;
  return {
    messages: now.messages - before.messages,
    errors: now.errors - before.errors,
    refused: now.refused - before.refused,
    luaHeapKB: now.luaHeapKB - before.luaHeapKB,
  };
}

function pendingOf(
  earlier: Watched | undefined,
  { slot, evaluatedSlot }: Reading,
  at: number,
): { pendingRounds: number; pendingSince?: number } {
  if (slot === undefined || evaluatedSlot === undefined) {
    // Unknown now: what was pending may still be pending.
    const { pendingRounds = 0, pendingSince } = earlier ?? {};
    return { pendingRounds, ...(pendingSince === undefined ? {} : { pendingSince }) };
  }
  if (slot <= evaluatedSlot) return { pendingRounds: 0 };
  const same = earlier?.pendingSince !== undefined && earlier.reading.evaluatedSlot === evaluatedSlot;
  return {
    pendingRounds: same ? earlier.pendingRounds + 1 : 1,
    pendingSince: (same ? earlier.pendingSince : undefined) ?? at,
  };
}
