import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { processUnknown, scheduleBehind, unitNotAo, unitRefused } from "../errors.ts";
import type { Scheduled } from "../port.ts";
import { earliestThere } from "../shared/clock.ts";
import { authoritiesIn, claimedSender, sentElsewhere, withSenders } from "../shared/senders.ts";
import { actionOf, LooseTagSchema, tagsOf } from "../shared/tags.ts";
import { answersItself } from "./identity.ts";
import type { NodeAnswer, NodeClient } from "./node.ts";

const EntrySchema = z.looseObject({
  cursor: z.coerce.number().int().nonnegative(),
  node: z.looseObject({
    message: z.looseObject({
      Id: z.string(),
      Owner: z.string(),
      Target: z.string().nullish(),
      Tags: z.array(LooseTagSchema),
      Data: z.string().nullish(),
    }),
    assignment: z.looseObject({ Tags: z.array(LooseTagSchema) }).nullish(),
  }),
});
const PageSchema = z.looseObject({ edges: z.array(EntrySchema) });

/** Edges or entries, and whether they are from a cache: then others may follow them by now. */
interface Shown<T> {
  readonly items: readonly T[];
  readonly isCached: boolean;
}

/** What a node has scheduled. Every call is a single attempt per page. */
export interface Schedule {
  /**
   * The newest slot of a process.
   *
   * @returns undefined if the node does not hold the process
   */
  current(processId: string, budget: Budget): Promise<number | undefined>;
  /** Entries from one slot to another, both included, oldest first. */
  range(input: { processId: string; from: number; to: number }, budget: Budget): Promise<Scheduled[]>;
  /**
   * The first slot of an item, which holds its result: an item that was posted twice has two, and on some nodes the second one is empty.
   *
   * @param from a slot before which the item cannot be: the one before it, if any, is taken
   * @returns undefined only if the schedule was read from there to its end, as the node itself shows it, without it
   */
  slotOf(item: { processId: string; id: string; from: number }, budget: Budget): Promise<number | undefined>;
  /**
   * The same for an item of which only a time is known: reads the schedule from its end backwards, down to entries that are older.
   *
   * @param since milliseconds since 1970, by this machine's clock, before which the item was not signed
   */
  slotSince(
    item: { processId: string; id: string; since: number },
    budget: Budget,
  ): Promise<number | undefined>;
}

/** Slots per request; nodes give up to 1,000. */
const PAGE = 500;

/** Reads one page of a process' schedule; the authorities of processes are kept. */
function reading(node: NodeClient) {
  const authorities = new Map<string, ReadonlySet<string>>();

  async function edgesOf(
    processId: string,
    from: number,
    to: number,
    budget: Budget,
  ): Promise<Shown<z.infer<typeof EntrySchema>>> {
    const query = new URLSearchParams({
      target: processId,
      from: String(from),
      to: String(to),
      accept: "application/aos-2",
    });
    const answer = await node.ask({ path: `/~scheduler@1.0/schedule?${query}` }, budget);
    if (!answer.ok) throw unitRefused("node", node.url, answer.status, answer.excerpt);
    const parsed = PageSchema.safeParse(answer.json);
    if (!parsed.success) throw unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`);
    return { items: parsed.data.edges, isCached: answer.isCached };
  }

  return async function read(
    processId: string,
    from: number,
    to: number,
    budget: Budget,
  ): Promise<Shown<Scheduled>> {
    const { items: edges, isCached } = await edgesOf(processId, from, to, budget);
    const page = edges.map((edge) => scheduled(processId, edge)).sort((a, b) => a.slot - b.slot);
    const items = await withSenders(page, async () => {
      const known = authorities.get(processId);
      if (known) return known;
      const [spawn] = (await edgesOf(processId, 0, 0, budget)).items;
      const found = authoritiesIn(spawn?.cursor === 0 ? spawn.node.message.Tags : []);
      if (spawn) authorities.set(processId, found);
      return found;
    });
    return { items, isCached };
  };
}

/** Whether the node has no such item. A proxy whose node is away answers 404 to everything: the node itself has to answer before and after. */
async function isMissing(node: NodeClient, id: string, budget: Budget): Promise<boolean> {
  if (!(await answersItself(node, budget))) return false;
  const { status, isCached } = await node.ask({ path: `/${id}` }, budget);
  return status === 404 && !isCached && (await answersItself(node, budget));
}

/** The newest slot of a process, the node's clock then, and whether a cache said so; undefined if the node does not hold the process. */
async function newestOf(
  node: NodeClient,
  processId: string,
  budget: Budget,
): Promise<({ slot: number } & Pick<NodeAnswer, "clock" | "isCached">) | undefined> {
  const answer = await node.ask({ path: `/${processId}~process@1.0/slot/current` }, budget);
  const slot = Number(answer.text.trim());
  const { clock, isCached } = answer;
  if (answer.ok && answer.text.trim() !== "" && Number.isInteger(slot) && slot >= 0)
    return { slot, clock, isCached };
  if (answer.ok) throw unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`);
  // A node answers alike for a process that it does not have and for a failure; only the item itself tells them apart.
  if (await isMissing(node, processId, budget)) return undefined;
  throw unitRefused("node", node.url, answer.status, answer.excerpt);
}

/** The same of a process that has to be there. */
async function endOf(node: NodeClient, processId: string, budget: Budget) {
  const newest = await newestOf(node, processId, budget);
  if (newest === undefined) throw processUnknown(processId, "the node does not hold it");
  return newest;
}

export function scheduleAt(node: NodeClient, page = PAGE): Schedule {
  const read = reading(node);

  const range: Schedule["range"] = async ({ processId, from, to }, budget) => {
    const found: Scheduled[] = [];
    // A node may report another page after the last one: an empty page is the end.
    for (let next = from; next <= to; ) {
      const { items } = await read(processId, next, Math.min(to, next + page - 1), budget);
      const fresh = items.filter(({ slot }) => slot >= next && slot <= to);
      found.push(...fresh);
      const last = fresh.at(-1)?.slot;
      if (last === undefined) break;
      next = last + 1;
    }
    return found;
  };

  /** Slots that exist. If the node leaves one out, nothing can be concluded. The spawn's is not in every node's schedule. */
  async function whole(query: Parameters<typeof range>[0], budget: Budget): Promise<Scheduled[]> {
    const { from, to } = query;
    const entries = await range(query, budget);
    const shown = new Set(entries.map(({ slot }) => slot).filter((slot) => slot > 0));
    if (shown.size === to - Math.max(1, from) + 1) return entries;
    throw unitNotAo("node", node.url, `only ${shown.size} of the slots ${Math.max(1, from)} to ${to}`);
  }

  return {
    range,
    current: async (processId, budget) => (await newestOf(node, processId, budget))?.slot,
    async slotOf({ processId, id, from }, budget) {
      const end = await endOf(node, processId, budget);
      if (end.slot < from - 1) throw scheduleBehind(node.url, processId, end.slot, from - 1);
      for (let first = from; first <= end.slot; first += page) {
        const to = Math.min(end.slot, first + page - 1);
        const found = (await whole({ processId, from: first, to }, budget)).find(isOf(id));
        if (found) return found.slot;
      }
      // What was scheduled in the meantime.
      for (let next = Math.max(from, end.slot + 1); ; ) {
        const { items, isCached } = await read(processId, next, next + page - 1, budget);
        const entries = items.filter(({ slot }) => slot >= next);
        const found = entries.find(isOf(id));
        if (found) return found.slot;
        const last = entries.at(-1)?.slot;
        if (last === undefined && (end.isCached || isCached))
          throw unitNotAo("node", node.url, "the end of a schedule as a cache has kept it");
        if (last === undefined) return undefined;
        next = last + 1;
      }
    },
    async slotSince({ processId, id, since }, budget) {
      const { slot: newest, clock } = await endOf(node, processId, budget);
      let first: number | undefined;
      for (let to = newest; to >= 0; to -= page) {
        const entries = await whole({ processId, from: Math.max(0, to - page + 1), to }, budget);
        first = entries.find(isOf(id))?.slot ?? first;
        const oldest = entries[0];
        const isOlder = oldest !== undefined && oldest.timestamp > 0;
        if (isOlder && oldest.timestamp < earliestThere(since, clock)) break;
      }
      // What was scheduled while the pages were read is behind the first of them.
      return first ?? (await this.slotOf({ processId, id, from: newest + 1 }, budget));
    },
  };
}

const isOf =
  (id: string) =>
  ({ messageId }: Scheduled): boolean =>
    messageId === id;

function scheduled(
  processId: string,
  { cursor, node: { message, assignment } }: z.infer<typeof EntrySchema>,
): Scheduled {
  const order = tagsOf(assignment?.Tags ?? []);
  return {
    slot: cursor,
    messageId: message.Id,
    timestamp: Number(order.Timestamp ?? order.timestamp ?? 0) || 0,
    ...claimedSender(message.Tags, message.Owner),
    // The first slot is the process itself.
    ...(cursor === 0 ? {} : sentElsewhere(message.Target, processId)),
    action: actionOf(message.Tags),
    tags: tagsOf(message.Tags),
    data: message.Data ?? "",
  };
}
