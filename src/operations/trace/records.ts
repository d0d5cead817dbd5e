import type { Scheduled } from "../../ao/port.ts";
import { type Entry, type History, newestSlot, noteFirstSlots, withRepeat } from "../../fleet/history.ts";
import {
  isError,
  isErrorMessage,
  isUnread,
  loadedBy,
  type Searched,
  searchedIn,
  withResults,
} from "./log-entries.ts";

/** One message that a process received or sent, for filters. */
export interface MessageRecord {
  readonly direction: "received" | "sent";
  /** Slot of the message received, or of the one that made the process send this. */
  readonly slot: number;
  /** Id of the message received, or of the one that made the process send this. */
  readonly messageId: string;
  /** Milliseconds since 1970, by the scheduler's clock. */
  readonly timestamp: number;
  /** The same, ISO 8601. */
  readonly at: string;
  readonly from: string;
  /** The other sender that it names, without proof: as in `Scheduled`. */
  readonly claims?: string;
  /** The process that it was sent to, if it was only assigned to this one: as in `Scheduled`. */
  readonly sentTo?: string;
  readonly to: string;
  readonly action: string;
  /** `error` if the evaluation failed, or the message or its reply is a refusal; `none` if no result could be read: there is none yet, or no unit answers. */
  readonly status: "ok" | "error" | "none";
  /** Its Correlation-Id, or "". */
  readonly correlation: string;
  readonly tags: Readonly<{ [name: string]: string }>;
  readonly data: string;
  /** The Lua error of the evaluation. */
  readonly error?: string;
  /** As in `Entry`: the earlier slot of the message received. */
  readonly repeats?: number;
}

/** A filter of records; every given field must match. */
export interface Filter {
  readonly direction?: MessageRecord["direction"];
  /** Any one of these. */
  readonly actions?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly status?: "ok" | "error";
  readonly correlation?: string;
  readonly tags?: Readonly<{ [name: string]: string }>;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
  /** A substring of the data. */
  readonly contains?: string;
}

/** A message and what it made the process send, as records. Pure. */
function recordsOf(processId: string, entry: Entry): MessageRecord[] {
  const { slot, messageId, timestamp } = entry;
  const at = timestamp > 0 ? new Date(timestamp).toISOString() : "";
  const base = { slot, messageId, timestamp, at };
  const received: MessageRecord = {
    ...base,
    direction: "received",
    from: entry.from,
    ...(entry.claims === undefined ? {} : { claims: entry.claims }),
    ...(entry.sentTo === undefined ? {} : { sentTo: entry.sentTo }),
    to: processId,
    action: entry.action,
    status: entry.result === undefined ? "none" : isError(entry) ? "error" : "ok",
    correlation: entry.tags["Correlation-Id"] ?? "",
    tags: entry.tags,
    // A whole bundle would only clutter the output.
    data: loadedBy(entry) === undefined ? entry.data : "",
    ...(entry.result?.error === undefined ? {} : { error: entry.result.error }),
  };
  const sent = (entry.result?.messages ?? []).map(
    ({ target, tags, data }): MessageRecord => ({
      ...base,
      ...{ direction: "sent", from: processId, to: target, action: tags.Action ?? "", tags, data },
      status: isErrorMessage({ tags }) ? "error" : "ok",
      correlation: tags["Correlation-Id"] ?? "",
    }),
  );
  return [received, ...sent];
}

/** Whether a record matches a filter. Pure. */
export function matches(record: MessageRecord, filter: Filter): boolean {
  const { direction, actions, from, to, status, correlation, tags = {}, since, until, contains } = filter;
  return (
    (direction === undefined || record.direction === direction) &&
    (actions === undefined || actions.includes(record.action)) &&
    (from === undefined || record.from === from) &&
    (to === undefined || record.to === to) &&
    (status === undefined || record.status === status) &&
    (correlation === undefined || record.correlation === correlation) &&
    Object.entries(tags).every(([name, value]) => record.tags[name] === value) &&
    (since === undefined || record.timestamp >= since) &&
    (until === undefined || record.timestamp <= until) &&
    (contains === undefined || record.data.includes(contains))
  );
}

/** Slots per read. */
const PAGE = 50;

interface Found extends Searched {
  /** Oldest first. */
  readonly records: readonly MessageRecord[];
  /** The first and last slot that were searched. */
  readonly looked: { readonly from: number; readonly to: number };
}

/**
 * Finds the newest records that match a filter, searching back from the newest slot. If only results can match, the search ends where no result
 * of a page could be read.
 *
 * @param limit the most records to return
 * @param reach the most slots to search
 * @throws FleetError PROCESS_UNKNOWN
 */
export async function findRecords(
  history: History,
  processId: string,
  filter: Filter,
  { limit, reach }: { readonly limit: number; readonly reach: number },
): Promise<Found> {
  const latest = await newestSlot(history, processId);
  const lowest = Math.max(0, latest - reach + 1);
  const needsResults = filter.status !== undefined || filter.direction === "sent";
  let records: MessageRecord[] = [];
  const first = new Map<string, number>();
  let [searched, unread] = [0, 0];
  let from = latest + 1;
  while (from > lowest && records.length < limit) {
    const to = from - 1;
    from = Math.max(lowest, to - PAGE + 1);
    const page = await history.range(processId, from, to);
    noteFirstSlots(first, page);
    const entries = await resultsWhereNeeded(history, processId, page, filter);
    const found = entries.flatMap((entry) =>
      recordsOf(processId, entry).filter((record) => matches(record, filter)),
    );
    records = [...found, ...records];
    const read = searchedIn(entries);
    searched += read.searched;
    unread += read.unread;
    if (needsResults && isUnread(read)) break;
    // All remaining pages are older.
    const [oldest] = page;
    if (filter.since !== undefined && oldest && oldest.timestamp < filter.since) break;
  }
  const marked = records.slice(-limit).map((record) => withRepeat(first, record));
  return { records: marked, looked: { from, to: latest }, searched, unread };
}

/** Each result costs a call, so only messages that can match are asked for theirs. */
async function resultsWhereNeeded(
  history: History,
  processId: string,
  page: readonly Scheduled[],
  filter: Filter,
): Promise<Entry[]> {
  const { since, until } = filter;
  const inTime = page.filter(
    ({ timestamp }) =>
      (since === undefined || timestamp >= since) && (until === undefined || timestamp <= until),
  );
  if (filter.direction !== "received") return withResults(history, processId, inTime);
  const unjudged = { ...filter };
  delete unjudged.status;
  const candidates = inTime.filter((entry) =>
    recordsOf(processId, entry).some((record) => matches(record, unjudged)),
  );
  return withResults(history, processId, candidates);
}
