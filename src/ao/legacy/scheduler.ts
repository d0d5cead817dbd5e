import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { schedulerUnknown, UnitError, unitNotAo, unitRefused } from "../errors.ts";
import { earliestThere } from "../shared/clock.ts";
import { readPage } from "../shared/gateway.ts";
import { type Answer, FROM_ITSELF, type Unit } from "../shared/http.ts";
import type { LegacyEndpoints } from "./endpoints.ts";
import { EntrySchema, hasNoMessage, isNotFound, pageOf } from "./entries.ts";
import { newestAt } from "./history.ts";

/** An item that a scheduler unit may have scheduled. */
export type ScheduledItem =
  | { readonly kind: "spawn"; readonly id: string; readonly scheduler: string }
  | { readonly kind: "message"; readonly id: string; readonly processId: string };

/** An item that was uploaded and then assigned. */
interface Assigned {
  readonly id: string;
  readonly processId: string;
  /** A slot of the process that was taken before it was signed. */
  readonly floor?: number;
  /** When it was signed by this machine's clock, in milliseconds since 1970. */
  readonly since: number;
}

/** The scheduler units of a network: their locations, and what they have scheduled. Every call is a single attempt. */
export interface Schedulers {
  /**
   * The unit of a scheduler's address, looked up once.
   *
   * @throws UnitError SCHEDULER_UNKNOWN, or a failure of the gateway; transient
   */
  locate(scheduler: string, budget: Budget): Promise<Unit>;
  /**
   * Whether the scheduler of its process has the item.
   *
   * @returns false only if that unit reports that it does not have it
   * @throws UnitError if no unit can tell; transient
   */
  has(item: ScheduledItem, budget: Budget): Promise<boolean>;
  /**
   * The id of the assignment that scheduled an uploaded message. No clock decides that there is none: the list is read from the floor, and
   * without one from its start if it is not found by its time: for a second assignment only, because that order may be long.
   *
   * @returns undefined only if its unit's list was read to the end without it
   * @throws UnitError if no unit can tell; transient
   */
  assignmentOf(item: Assigned, budget: Budget): Promise<string | undefined>;
  /**
   * The same, where nothing is posted for want of it: one that is not listed since that time counts as not there.
   *
   * @param item its `since` is a time before its assignment
   */
  assignmentSince(item: Omit<Assigned, "floor">, budget: Budget): Promise<string | undefined>;
  /**
   * The newest slot of a process.
   *
   * @returns undefined if its unit does not have the process
   * @throws UnitError if no unit can tell
   */
  newest(processId: string, budget: Budget): Promise<number | undefined>;
}

/** Entries per page. Small, because a page includes the data of its messages. */
const PAGE = 50;

const ProcessSchema = z.looseObject({ process_id: z.string() });
const PageSchema = pageOf(EntrySchema);

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: all calls share the cached units and schedulers.
export function schedulersOf(parts: {
  readonly endpoints: Pick<LegacyEndpoints, "scheduler" | "suUrl">;
  /** The gateway's index. */
  readonly index: Unit;
  /** A scheduler unit at an address. */
  unit(url: string): Unit;
}): Schedulers {
  const { endpoints, index } = parts;
  const units = new Map<string, Unit>();
  const ofProcess = new Map<string, string>();
  if (endpoints.suUrl !== undefined) units.set(endpoints.scheduler, parts.unit(endpoints.suUrl));

  async function locate(scheduler: string, budget: Budget): Promise<Unit> {
    const known = units.get(scheduler);
    if (known) return known;
    const query = { owners: [scheduler], tags: { "Data-Protocol": "ao", Type: "Scheduler-Location" } };
    const { items } = await readPage(index, query, { first: 1 }, budget);
    const url = items[0]?.tags.Url;
    if (url === undefined || !URL.canParse(url)) throw schedulerUnknown(scheduler, index.url, url);
    const unit = parts.unit(url);
    units.set(scheduler, unit);
    return unit;
  }

  /** The process' own scheduler; the network's if the index does not show the process yet. */
  async function schedulerOfProcess(processId: string, budget: Budget): Promise<string> {
    const known = ofProcess.get(processId);
    if (known !== undefined) return known;
    const { items } = await readPage(index, { ids: [processId] }, { first: 1 }, budget);
    const named = items.find(({ id }) => id === processId)?.tags.Scheduler;
    if (named !== undefined) ofProcess.set(processId, named);
    return named ?? endpoints.scheduler;
  }

  /** Asks a scheduler's unit; one that cannot be reached may have moved, so it is located again next time. */
  async function asked(
    scheduler: string,
    path: string,
    budget: Budget,
  ): Promise<{ su: Unit; answer: Answer }> {
    const su = await locate(scheduler, budget);
    try {
      return { su, answer: await su.ask({ url: `${su.url}/${path}`, headers: FROM_ITSELF }, budget) };
    } catch (error) {
      if (!(scheduler === endpoints.scheduler && endpoints.suUrl !== undefined)) units.delete(scheduler);
      throw error;
    }
  }

  /** Whether a process has messages. Units read the latest one from the database that they write to, also if they look items up in a replica. */
  async function hasMessages(scheduler: string, processId: string, budget: Budget): Promise<boolean> {
    const { su, answer } = await asked(scheduler, `${processId}/latest`, budget);
    if (hasNoMessage(answer)) return false;
    if (!answer.ok || !EntrySchema.safeParse(answer.json).success) throw inconclusive(su, answer);
    return true;
  }

  /** A page of the order of a process from an exclusive start on. */
  async function pageAfter(
    processId: string,
    start: { readonly from: string } | { readonly "from-nonce": string },
    budget: Budget,
  ) {
    const scheduler = await schedulerOfProcess(processId, budget);
    const query = new URLSearchParams({ "process-id": processId, ...start, limit: String(PAGE) });
    const { su, answer } = await asked(scheduler, `${processId}?${query}`, budget);
    const page = answer.ok ? PageSchema.safeParse(answer.json).data : undefined;
    if (!page) throw inconclusive(su, answer);
    return { su, answer, page };
  }

  async function assignmentAfter(
    { id, processId, slot }: Pick<Assigned, "id" | "processId"> & { readonly slot: number },
    budget: Budget,
  ): Promise<string | undefined> {
    // One slot earlier: a unit that does not list the slot shows less than the order has.
    const first = String(Math.max(0, slot - 1));
    for (let after = first; ; ) {
      const { su, answer, page } = await pageAfter(processId, { "from-nonce": after }, budget);
      const found = page.edges.find(({ node }) => isOf(node, id));
      if (found) return found.node.assignment.id;
      const last = page.edges.at(-1)?.cursor;
      if (last === undefined && slot > 0 && after === first) throw inconclusive(su, answer);
      if (!page.page_info.has_next_page && !answer.isCached) return undefined;
      if (last === undefined || last === after) throw inconclusive(su, answer);
      after = last;
    }
  }

  async function assignmentSince(
    { id, processId, since }: Omit<Assigned, "floor">,
    budget: Budget,
  ): Promise<string | undefined> {
    let start = earliestThere(since, undefined);
    let isTimed = false;
    for (let from = String(start); ; ) {
      const { su, answer, page } = await pageAfter(processId, { from }, budget);
      const found = page.edges.find(({ node }) => isOf(node, id));
      if (found) return found.node.assignment.id;
      const there = isTimed ? start : earliestThere(since, answer.clock);
      isTimed = true;
      if (there < start) {
        // This machine's clock is ahead of the unit's: the assignment may stand earlier.
        start = there;
        from = String(start);
        continue;
      }
      const last = page.edges.at(-1)?.cursor;
      if (!page.page_info.has_next_page && !answer.isCached) return undefined;
      if (last === undefined || last === from) throw inconclusive(su, answer);
      from = last;
    }
  }

  async function assignmentOf(
    { floor, since, ...item }: Assigned,
    budget: Budget,
  ): Promise<string | undefined> {
    if (floor !== undefined) return assignmentAfter({ ...item, slot: floor }, budget);
    // Signed by an earlier version, or while the scheduler did not answer. One that is found by its time is there whatever the clocks say.
    const found = await assignmentSince({ ...item, since }, budget);
    return found ?? assignmentAfter({ ...item, slot: 0 }, budget);
  }

  return {
    locate,
    assignmentOf,
    assignmentSince,
    async newest(processId, budget) {
      return newestAt(await locate(await schedulerOfProcess(processId, budget), budget), processId, budget);
    },
    async has(item, budget) {
      const { kind, id } = item;
      const scheduler = kind === "spawn" ? item.scheduler : await schedulerOfProcess(item.processId, budget);
      const path = kind === "spawn" ? `processes/${id}` : `${id}?process-id=${item.processId}`;
      const { su, answer } = await asked(scheduler, path, budget);
      if (isNotFound(answer)) return kind === "spawn" && hasMessages(scheduler, id, budget);
      if (!answer.ok) throw inconclusive(su, answer);
      const entry = EntrySchema.safeParse(answer.json).data;
      const isThere =
        kind === "spawn"
          ? ProcessSchema.safeParse(answer.json).data?.process_id === id
          : entry !== undefined && isOf(entry, id);
      if (!isThere) throw inconclusive(su, answer);
      return true;
    },
  };
}

const isOf = ({ message, assignment }: z.infer<typeof EntrySchema>, id: string) =>
  message?.id === id || assignment.tags.some(({ name, value }) => name === "Message" && value === id);

/** The scheduler that a signed spawn names, read from its bytes: an earlier run may have signed them with other settings. */
export async function schedulerOf(raw: Uint8Array): Promise<string> {
  const { DataItem } = await import("@dha-team/arbundles");
  return new DataItem(Buffer.from(raw)).tags.find(({ name }) => name === "Scheduler")?.value ?? "";
}

/** An answer that does not tell whether the unit has the item; a retry can. */
function inconclusive(su: Unit, answer: Answer): UnitError {
  const error = answer.ok
    ? unitNotAo(su.name, su.url, `${answer.status} ${answer.excerpt}`)
    : unitRefused(su.name, su.url, answer.status, answer.excerpt);
  return new UnitError(error.problems[0], "transient", { unit: su.name });
}
