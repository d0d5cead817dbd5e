import { z } from "zod";
import { unitNotAo } from "../ao/errors.ts";
import { type Unit, unitAt } from "../ao/legacy/http.ts";
import { schedulersOf } from "../ao/legacy/scheduler.ts";
import type { Ao, Evaluation, Tags } from "../ao/port.ts";
import { retrying } from "../ao/retry.ts";
import { type Budget, budgetOf, within } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";
import type { FleetSession } from "./fleet-session.ts";

/** One message of a process, at its place in the order. */
export interface Scheduled {
  /** Its slot: 0 is the process itself. */
  readonly slot: number;
  readonly messageId: string;
  /** Where the message was uploaded and then assigned: the assignment, under which real compute units keep the result. */
  readonly assignmentId?: string;
  /** Scheduler's time, milliseconds; 0 when it says none. */
  readonly timestamp: number;
  /** The process that pushed it, or the address that signed it. */
  readonly from: string;
  readonly action: string;
  readonly tags: Tags;
  readonly data: string;
}

/** A message with what came of it. */
export interface Entry extends Scheduled {
  /** None when it has no result yet. */
  readonly result?: Evaluation;
}

const tag = z.object({ name: z.string(), value: z.string() });
const NodeSchema = z.looseObject({
  message: z
    .looseObject({
      id: z.string(),
      owner: z.looseObject({ address: z.string() }),
      tags: z.array(tag),
      data: z.string().nullish(),
    })
    .nullish(),
  assignment: z.looseObject({ id: z.string(), tags: z.array(tag) }),
});
const PageSchema = z.looseObject({
  page_info: z.looseObject({ has_next_page: z.boolean() }).optional(),
  edges: z.array(z.looseObject({ node: NodeSchema })),
});

/** Seconds that one call may take. */
const CALL_SECONDS = 30;

/** Messages of one call to the scheduler unit. */
const PAGE = 500;

/** What of an open fleet the history needs. */
export interface HistoryParts extends Pick<FleetSession, "suUrl"> {
  readonly session: Pick<FleetSession["session"], "ao" | "endpoints">;
}

/** Reads the order of a process, as its scheduler unit has it. */
export interface History {
  /** The newest slot; undefined when the process has none. */
  latest(processId: string): Promise<number | undefined>;
  /** Messages from one slot to another, both included, oldest first. */
  range(processId: string, from: number, to: number): Promise<Scheduled[]>;
  /** What came of a message, by `resultIdOf`; undefined when there is no result within a few seconds. */
  result(processId: string, resultId: string): Promise<Evaluation | undefined>;
}

/** What the result of a message is asked for by. */
export const resultIdOf = ({ messageId, assignmentId }: Scheduled): string => assignmentId ?? messageId;

/**
 * The history over the legacy protocol: the scheduler unit for the order, the compute unit for the results.
 *
 * @param page messages of one call to the scheduler unit
 */
export async function historyOf(fleet: HistoryParts, seconds: number, page = PAGE): Promise<History> {
  const budget = budgetOf(seconds);
  const su = await schedulerUnit(fleet, budget);
  const get = (path: string) => ask(su, path);
  return {
    async latest(processId) {
      const answer = await get(`${processId}/latest`);
      if (answer !== "refused") return scheduled(NodeSchema.parse(answer)).slot;
      // The unit does not count the spawn among the messages: a process that got none yet is found by itself.
      return (await get(`processes/${processId}`)) === "refused" ? undefined : 0;
    },
    async range(processId, from, to) {
      const found: Scheduled[] = [];
      // The place to go on after is exclusive, and -1 brings the spawn, too.
      for (let after = from - 1; after < to; ) {
        const query = new URLSearchParams({
          "process-id": processId,
          "from-nonce": String(after),
          "to-nonce": String(to),
          limit: String(page),
        });
        const { edges, page_info } = pageIn(su, await get(`${processId}?${query}`));
        const slots = edges.map(({ node }) => scheduled(node));
        found.push(...slots.filter(({ slot }) => slot >= from && slot <= to));
        const last = Math.max(after, ...slots.map(({ slot }) => slot));
        if (page_info?.has_next_page !== true || last === after) break;
        after = last;
      }
      found.sort((a, b) => a.slot - b.slot);
      return withAssigned(fleet.session.ao, found, budget);
    },
    async result(processId, resultId) {
      try {
        const ref = { processId, messageId: resultId };
        return await fleet.session.ao.evaluation(ref, within(budgetOf(20), 20));
      } catch (error) {
        if (error instanceof FleetError && error.transient) return undefined;
        throw error;
      }
    },
  };
}

function scheduled({ message, assignment }: z.infer<typeof NodeSchema>): Scheduled {
  const order = record(assignment.tags);
  const tags = record(message?.tags ?? []);
  return {
    slot: Number(order.Nonce ?? -1),
    messageId: message?.id ?? order.Message ?? "",
    ...(message ? {} : { assignmentId: assignment.id }),
    timestamp: Number(order.Timestamp ?? 0),
    from: tags["From-Process"] ?? message?.owner.address ?? "",
    action: tags.Action ?? (tags.Type === "Process" ? "(spawn)" : ""),
    tags,
    data: message?.data ?? "",
  };
}

/**
 * A message that was uploaded and then assigned is not at the scheduler: what it says is read from the gateway. One that the
 * gateway does not show stays without.
 */
async function withAssigned(
  ao: Pick<Ao, "find" | "data">,
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
      const { tags, owner } = item;
      return {
        ...one,
        from: tags["From-Process"] ?? owner,
        action: tags.Action ?? "",
        tags,
        data: new TextDecoder().decode(data),
      };
    }),
  );
}

const record = (tags: readonly { name: string; value: string }[]): Record<string, string> =>
  Object.fromEntries(tags.map(({ name, value }) => [name, value]));

/** The unit of the network's scheduler, as the settings or its own record say. */
function schedulerUnit({ suUrl, session }: HistoryParts, budget: Budget): Promise<Unit> {
  const { scheduler, graphqlUrl } = session.endpoints;
  const limits = { concurrency: 8, timeout: CALL_SECONDS * 1000 };
  const known = suUrl ?? session.endpoints.suUrl;
  const schedulers = schedulersOf({
    endpoints: { scheduler, ...(known === undefined ? {} : { suUrl: known }) },
    index: unitAt("gateway", graphqlUrl, limits),
    unit: (url) => unitAt("scheduler unit", url, limits),
  });
  return retrying("finding the scheduler unit", within(budget, CALL_SECONDS), () =>
    schedulers.locate(scheduler, within(budget, CALL_SECONDS)),
  );
}

/** What the unit tells, or that it refused the question (400, 404): it knows no such process or message, or the call was wrong. */
async function ask(su: Unit, path: string): Promise<unknown> {
  const answer = await su.ask({ url: `${su.url}/${path}` }, budgetOf(CALL_SECONDS));
  if (answer.status === 400 || answer.status === 404) return "refused";
  if (!answer.ok || answer.json === undefined)
    throw unitNotAo(su.name, su.url, `${answer.status} ${answer.excerpt}`);
  return answer.json;
}

function pageIn(su: Unit, answer: unknown): z.infer<typeof PageSchema> {
  const page = PageSchema.safeParse(answer);
  if (page.success) return page.data;
  throw unitNotAo(
    su.name,
    su.url,
    answer === "refused" ? "it refused the call" : z.prettifyError(page.error),
  );
}
