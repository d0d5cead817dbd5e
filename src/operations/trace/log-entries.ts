import type { OutMessage, Scheduled } from "../../ao/port.ts";
import { relationOf } from "../../ao/replies.ts";
import { amount } from "../../core/amount.ts";
import { luaErrorIn } from "../../fleet/code/lua-error.ts";
import { committedHash, readLoadOutcome } from "../../fleet/code/program.ts";
import { type Entry, type History, noteFirstSlots, resultIdOf, withRepeat } from "../../fleet/history.ts";

/** A message, its result, and the code that handled it. */
export interface LogEntry extends Entry {
  /** sha256 of the bundle that handled it; undefined if unknown. */
  readonly source?: string;
  /** Whether it loads a bundle: its data is the whole program. */
  readonly isLoad: boolean;
}

/** Messages whose results were read, or could not be read: there is none yet, or no unit answers. */
export interface Searched {
  readonly searched: number;
  readonly unread: number;
}

/** Counts those without a result. Pure. */
export function searchedIn(
  entries: readonly { readonly slot: number; readonly result?: unknown }[],
): Searched {
  // Not every network has a result of the spawn.
  const counted = entries.filter(({ slot, result }) => slot > 0 || result !== undefined);
  const unread = counted.filter(({ result }) => result === undefined).length;
  return { searched: counted.length, unread };
}

/** Whether none of the results could be read. Pure. */
export const isUnread = ({ searched, unread }: Searched): boolean => searched > 0 && unread === searched;

/** `3 of 25 results could not be read`; undefined if all were read. Pure. */
export const unreadText = ({ searched, unread }: Searched): string | undefined =>
  unread === 0 ? undefined : `${unread} of ${amount(searched, "result")} could not be read`;

/** The most messages that `--errors` searches. */
const MAX_SEARCHED = 1000;
/** Messages per read. */
const PAGE = 25;

/**
 * The newest messages, oldest first. With `errors`, only those that failed or were refused, searched back as far as needed; the search ends
 * where no result of a page could be read.
 *
 * @param limit the most entries to return
 * @param sourceHash sha256 of the code that the process runs now
 */
export async function newestEntries(
  history: History,
  processId: string,
  latest: number,
  { limit, errors }: { readonly limit: number; readonly errors: boolean },
  sourceHash: string,
): Promise<Searched & { readonly entries: LogEntry[] }> {
  const all: Entry[] = [];
  const first = new Map<string, number>();
  const wanted = () => (errors ? all.filter(isError).length : all.length);
  const lowest = Math.max(0, latest - (errors ? MAX_SEARCHED : limit) + 1);
  for (let to = latest; to >= lowest && wanted() < limit; to -= PAGE) {
    const from = Math.max(lowest, to - PAGE + 1);
    const page = await withResults(history, processId, await history.range(processId, from, to));
    noteFirstSlots(first, page);
    all.unshift(...page);
    if (errors && isUnread(searchedIn(page))) break;
  }
  const entries = withSources(
    all.map((entry) => withRepeat(first, entry)),
    sourceHash,
  );
  return { ...searchedIn(all), entries: (errors ? entries.filter(isError) : entries).slice(-limit) };
}

/** Messages with their results; `result` is absent if there is none yet. */
export function withResults(
  history: History,
  processId: string,
  page: readonly Scheduled[],
): Promise<Entry[]> {
  return Promise.all(
    page.map(async (scheduled): Promise<Entry> => {
      const result = await history.result(processId, resultIdOf(scheduled), scheduled.slot);
      if (result) return { ...scheduled, result };
      const notComputed = history.stopped?.(processId);
      return notComputed === undefined ? scheduled : { ...scheduled, notComputed };
    }),
  );
}

/** Adds to each message the code that handled it, derived from the loads among them. Pure. */
export function withSources(entries: readonly Entry[], sourceHash: string): LogEntry[] {
  const anyLoad = entries.some((entry) => loadedBy(entry) !== undefined && succeeded(entry));
  let current = anyLoad ? undefined : sourceHash || undefined;
  return entries.map((entry) => {
    const load = loadedBy(entry);
    if (load !== undefined && succeeded(entry)) current = load;
    const source = entry.action === "Eval" ? (isSentHere(entry) ? load : undefined) : current;
    return {
      ...entry,
      isLoad: load !== undefined && isSentHere(entry),
      ...(source === undefined ? {} : { source }),
    };
  });
}

/** The hash of the bundle that an Eval loads, read from its commit; undefined for any other message. */
export const loadedBy = ({ action, data }: Pick<Scheduled, "action" | "data">): string | undefined =>
  action === "Eval" ? committedHash(data) : undefined;

/** Whether it was sent to this process, or it ran here although it was sent to another one. */
const isSentHere = (entry: Entry): boolean => entry.sentTo === undefined || succeeded(entry);

/** Whether the process committed the load. A refused epoch is not an error, but loads nothing. */
const succeeded = ({ result }: Entry): boolean =>
  result?.error === undefined && readLoadOutcome(result?.output ?? "").kind === "committed";

/** Whether a sent message reports an error: as the fleet's library does, or by the action `Error`. Pure. */
export const isErrorMessage = ({ tags }: Pick<OutMessage, "tags">): boolean =>
  tags.Status === "error" || tags.Action === "Error-Response" || tags.Action === "Error";

/** Whether it failed or was refused. Errors sent to others in the same evaluation are about their messages. */
export function isError({ result, from, claims, messageId, tags: sent }: Entry): boolean {
  if (result && luaErrorIn(result) !== undefined) return true;
  // The process answers the sender that the message names.
  const asked = { address: claims ?? from, messageId, tags: sent };
  return (result?.messages ?? []).some(
    (message) => isErrorMessage(message) && relationOf(message, asked) !== "other",
  );
}
