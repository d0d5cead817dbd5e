import type { Scheduled } from "../../ao/port.ts";
import { type Entry, type History, noteFirstSlots, resultIdOf, withRepeat } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import { isError } from "./log-entries.ts";

/** One message of a request's path through the fleet. */
export interface Hop {
  /** Name of the process that received it, or its id. */
  readonly process: string;
  readonly processId: string;
  readonly slot: number;
  /** As in `Entry`. */
  readonly repeats?: number;
  readonly messageId: string;
  readonly timestamp: number;
  /** Milliseconds since the first message, by the schedulers' clocks. */
  readonly afterMs: number;
  /** Name of the member, or the address. */
  readonly from: string;
  /** The other sender that it names, without proof: as in `Scheduled`. */
  readonly claims?: string;
  /** The process that it was sent to, if it was only assigned to this one: as in `Scheduled`. */
  readonly sentTo?: string;
  readonly action: string;
  readonly correlation: string;
  /** Number of hops that led to it; 0 where the trace starts. */
  readonly depth: number;
  /** `none` if no result could be read: there is none yet, or no unit answers. */
  readonly status: "ok" | "error" | "none";
  readonly error?: string;
  /** The messages that it made the process send. */
  readonly sent: readonly { readonly action: string; readonly to: string; readonly correlation: string }[];
}

/** Messages of all processes by correlation id and by message id. */
interface Index {
  readonly byCorrelation: ReadonlyMap<string, readonly Placed[]>;
  readonly byId: ReadonlyMap<string, readonly Placed[]>;
}
interface Placed {
  readonly member: Member;
  readonly scheduled: Scheduled & Pick<Entry, "repeats">;
}

/**
 * Follows a request across the processes: from the messages with its correlation id (or message id) to the messages that they made
 * processes send, by the correlation ids of these, and so on.
 *
 * @param id Correlation-Id, or the id of a message
 * @param reach the most slots to search in each process
 * @param unknown called for each member whose process the network does not have
 */
export async function traceOf(
  history: History,
  members: readonly Member[],
  id: string,
  reach: number,
  unknown: (member: Member) => void = () => {},
): Promise<Hop[]> {
  const index = await indexOf(history, members, reach, unknown);
  const hops: Hop[] = [];
  const seen = new Set<string>();
  const asked = new Set<string>();
  let wave = [...(index.byCorrelation.get(id) ?? []), ...(index.byId.get(id) ?? [])];
  asked.add(id);
  for (let depth = 0; wave.length > 0; depth += 1) {
    const fresh = wave.filter(({ member, scheduled }) => {
      const key = `${member.processId}/${scheduled.slot}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
    const entries = await Promise.all(
      fresh.map(async ({ member, scheduled }) => {
        const result = await history.result(member.processId, resultIdOf(scheduled), scheduled.slot);
        return { member, entry: result ? { ...scheduled, result } : (scheduled as Entry) };
      }),
    );
    hops.push(...entries.map(({ member, entry }) => hopOf(member, entry, depth, members)));
    const next = new Set<string>();
    for (const { entry } of entries)
      for (const correlation of correlationsOf(entry)) if (!asked.has(correlation)) next.add(correlation);
    for (const correlation of next) asked.add(correlation);
    wave = [...next].flatMap((correlation) => index.byCorrelation.get(correlation) ?? []);
  }
  return inOrder(hops);
}

/** Its own correlation id and those of what it sent. A message without one is answered under its message id. */
function correlationsOf({ messageId, tags, result }: Entry): string[] {
  const own = tags["Correlation-Id"] ?? messageId;
  const sent = (result?.messages ?? []).flatMap((message) => message.tags["Correlation-Id"] ?? []);
  return [own, ...sent];
}

async function indexOf(
  history: History,
  members: readonly Member[],
  reach: number,
  unknown: (member: Member) => void,
): Promise<Index> {
  const byCorrelation = new Map<string, Placed[]>();
  const byId = new Map<string, Placed[]>();
  const add = (map: Map<string, Placed[]>, key: string, placed: Placed) =>
    map.set(key, [...(map.get(key) ?? []), placed]);
  await Promise.all(
    members.map(async (member) => {
      const latest = await history.latest(member.processId);
      if (latest === undefined) return unknown(member);
      const messages = await history.range(member.processId, Math.max(0, latest - reach + 1), latest);
      const first = new Map<string, number>();
      noteFirstSlots(first, messages);
      for (const message of messages) {
        const scheduled = withRepeat(first, message);
        const placed = { member, scheduled };
        add(byId, scheduled.messageId, placed);
        const correlation = scheduled.tags["Correlation-Id"];
        if (correlation !== undefined) add(byCorrelation, correlation, placed);
      }
    }),
  );
  return { byCorrelation, byId };
}

function hopOf(member: Member, entry: Entry, depth: number, members: readonly Member[]): Hop {
  const nameOf = (id: string) => members.find(({ processId }) => processId === id)?.name ?? id;
  const { slot, messageId, timestamp, action, tags, result } = entry;
  return {
    process: member.name,
    processId: member.processId,
    ...{ slot, messageId, timestamp, afterMs: 0, action, depth },
    ...(entry.repeats === undefined ? {} : { repeats: entry.repeats }),
    from: nameOf(entry.from),
    ...(entry.claims === undefined ? {} : { claims: nameOf(entry.claims) }),
    ...(entry.sentTo === undefined ? {} : { sentTo: nameOf(entry.sentTo) }),
    correlation: tags["Correlation-Id"] ?? "",
    status: result === undefined ? "none" : isError(entry) ? "error" : "ok",
    ...(result?.error === undefined ? {} : { error: result.error }),
    sent: (result?.messages ?? []).map((message) => ({
      action: message.tags.Action ?? "",
      to: nameOf(message.target),
      correlation: message.tags["Correlation-Id"] ?? "",
    })),
  };
}

/** Sorts by time; within one millisecond, by the number of hops. */
function inOrder(hops: readonly Hop[]): Hop[] {
  const sorted = [...hops].sort((a, b) => a.timestamp - b.timestamp || a.depth - b.depth);
  const start = sorted[0]?.timestamp ?? 0;
  return sorted.map((hop) => ({ ...hop, afterMs: hop.timestamp - start }));
}
