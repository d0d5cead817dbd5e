import { z } from "zod";
import { type Budget, within } from "../../core/budget.ts";
import { unitNotAo, unitRefused } from "../errors.ts";
import type { Ao, Scheduled } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import { type Answer, FROM_ITSELF, type Unit } from "../shared/http.ts";
import { authoritiesIn, claimedChain, claimedSender, sentElsewhere, withSenders } from "../shared/senders.ts";
import { actionOf, TagSchema, tagList, tagsOf } from "../shared/tags.ts";
import { FullEntrySchema, hasNoMessage, isNotFound, pageOf } from "./entries.ts";

const PageSchema = pageOf(FullEntrySchema);
const SpawnSchema = z.looseObject({ tags: z.array(TagSchema) });

/** Time limit of one call in seconds. */
const CALL_SECONDS = 30;

/** Messages per call to the scheduler unit. */
const PAGE = 500;

/** The dependencies of `historyAt`. */
interface HistoryParts extends Pick<Ao, "find" | "data"> {
  /** The scheduler unit; a single attempt. */
  unit(budget: Budget): Promise<Unit>;
  readonly backoff: Backoff;
  /** Messages per call. @default 500 */
  readonly page?: number;
}

/** The message order of processes, as recorded by their scheduler unit. */
export function historyAt(parts: HistoryParts): Pick<Ao, "latest" | "range"> {
  const page = parts.page ?? PAGE;
  const authorities = new Map<string, ReadonlySet<string>>();
  const { backoff } = parts;
  const unit = (budget: Budget) =>
    retrying(
      "finding the scheduler unit",
      within(budget, CALL_SECONDS),
      () => parts.unit(within(budget, CALL_SECONDS)),
      backoff,
    );
  /** The unit's answer, or that it has no such process or message, which another attempt does not change. */
  const read = <T extends z.ZodType>(su: Unit, path: string, schema: T, budget: Budget) =>
    retrying(
      "reading the message order of a process",
      budget,
      async () => {
        const answer = await ask(su, path, budget);
        return isNotFound(answer) ? "unknown" : checked(su, schema, answer);
      },
      backoff,
    );
  return {
    async latest(processId, budget) {
      const su = await unit(budget);
      return retrying(
        "reading the newest message of a process",
        budget,
        () => newestAt(su, processId, budget),
        backoff,
      );
    },
    async range({ processId, from, to }, budget) {
      const su = await unit(budget);
      const found: Scheduled[] = [];
      // The start is exclusive, and -1 includes the spawn.
      for (let after = from - 1; after < to; ) {
        const query = new URLSearchParams({
          "process-id": processId,
          "from-nonce": String(after),
          "to-nonce": String(to),
          limit: String(page),
        });
        const answer = await read(su, `${processId}?${query}`, PageSchema, budget);
        if (answer === "unknown") throw unitNotAo(su.name, su.url, "it does not know the process");
        const { edges, page_info } = answer;
        const slots = edges.map(({ node }) => scheduled(node));
        found.push(...slots.filter(({ slot }) => slot >= from && slot <= to));
        const last = Math.max(after, ...slots.map(({ slot }) => slot));
        if (!page_info.has_next_page) break;
        if (last === after) throw unitNotAo(su.name, su.url, "a page without entries, which others follow");
        after = last;
      }
      found.sort((a, b) => a.slot - b.slot);
      return withSenders(await withAssigned(parts, processId, found, budget), async () => {
        const known = authorities.get(processId);
        if (known) return known;
        // Without `ENABLE_PROCESS_ASSIGNMENT`, a unit has no entry for the spawn in the order.
        const spawn = await read(su, `processes/${processId}`, SpawnSchema, budget);
        if (spawn === "unknown") return new Set();
        const named = authoritiesIn(spawn.tags);
        authorities.set(processId, named);
        return named;
      });
    },
  };
}

function scheduled({ message, assignment }: z.infer<typeof FullEntrySchema>): Scheduled {
  const order = tagsOf(assignment.tags);
  const tags = message?.tags ?? [];
  return {
    slot: Number(order.Nonce),
    messageId: message?.id ?? order.Message ?? "",
    ...(message ? {} : { assignmentId: assignment.id }),
    timestamp: Number(order.Timestamp ?? 0),
    ...claimedSender(tags, message?.owner.address ?? ""),
    ...claimedChain(tags),
    action: actionOf(tags),
    tags: tagsOf(tags),
    data: message?.data ?? "",
  };
}

/**
 * A message that was assigned, after an upload or from another process, is not at the scheduler: its content is read from the gateway. One that the
 * gateway does not show stays without content.
 */
async function withAssigned(
  ao: Pick<Ao, "find" | "data">,
  processId: string,
  found: readonly Scheduled[],
  budget: Budget,
): Promise<Scheduled[]> {
  const ids = found.filter(({ from }) => from === "").map(({ messageId }) => messageId);
  if (ids.length === 0) return [...found];
  const items = new Map((await ao.find({ ids, limit: ids.length }, budget)).map((item) => [item.id, item]));
  return Promise.all(
    found.map(async (one) => {
      const item = one.from === "" ? items.get(one.messageId) : undefined;
      if (!item) return one;
      const data = await ao.data(item.id, budget);
      const { tags, owner, action } = item;
      return {
        ...one,
        ...claimedSender(tagList(tags), owner),
        ...sentElsewhere(item.recipient, processId),
        action,
        tags,
        data: new TextDecoder().decode(data),
      };
    }),
  );
}

/** The slot of the newest message, 0 if only the spawn is there, undefined if not even that; a single attempt. */
export async function newestAt(su: Unit, processId: string, budget: Budget): Promise<number | undefined> {
  const newest = await ask(su, `${processId}/latest`, budget);
  if (!hasNoMessage(newest)) return scheduled(checked(su, FullEntrySchema, newest)).slot;
  // The unit does not count the spawn as a message: a process without messages is looked up itself.
  const process = await ask(su, `processes/${processId}`, budget);
  if (isNotFound(process)) return undefined;
  checked(su, SpawnSchema, process);
  // The unit says the same if its store failed: the order itself has to be empty, too.
  const query = new URLSearchParams({ "process-id": processId, "from-nonce": "0", limit: "1" });
  const order = await ask(su, `${processId}?${query}`, budget);
  const { edges, page_info } = checked(su, PageSchema, order);
  const isEmpty = edges.every(({ node }) => scheduled(node).slot === 0) && !page_info.has_next_page;
  if (isEmpty && !order.isCached) return 0;
  throw unitNotAo(su.name, su.url, `${newest.status} ${newest.excerpt}`);
}

/** The unit's answer; a single attempt. */
const ask = (su: Unit, path: string, budget: Budget): Promise<Answer> =>
  su.ask({ url: `${su.url}/${path}`, headers: FROM_ITSELF }, within(budget, CALL_SECONDS));

/** What the unit answers, if it succeeds and has the shape. */
function checked<T extends z.ZodType>(su: Unit, schema: T, answer: Answer): z.infer<T> {
  if (!answer.ok) throw unitRefused(su.name, su.url, answer.status, answer.excerpt);
  if (answer.json === undefined) throw unitNotAo(su.name, su.url, `${answer.status} ${answer.excerpt}`);
  const parsed = schema.safeParse(answer.json);
  if (parsed.success) return parsed.data;
  throw unitNotAo(su.name, su.url, z.prettifyError(parsed.error));
}
