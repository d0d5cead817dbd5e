import { type Budget, within } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import { notEvaluated } from "../errors.ts";
import type { Journal } from "../journal/index.ts";
import type { Ao, Tags } from "../port.ts";
import { type Backoff, defaultBackoff, retrying, type Wait } from "../retry.ts";
import { findAll, readData, readPage } from "../shared/gateway.ts";
import { existenceOf, goneWatch } from "../shared/gone.ts";
import { unitAt } from "../shared/http.ts";
import { moduleLoader } from "../shared/modules.ts";
import { isEmptyEvaluation } from "../shared/shapes.ts";
import type { Wallet } from "../wallet.ts";
import { controlOf } from "./control.ts";
import { effectsOf } from "./effects.ts";
import type { NodeEndpoints } from "./endpoints.ts";
import { addressNow, lookAtNode, nodeChanged } from "./identity.ts";
import { type NodeClient, nodeAt } from "./node.ts";
import { processDevice, refuseCalls } from "./process-device.ts";
import { readPublished } from "./published.ts";
import { type Results, resultsAt } from "./results.ts";
import { scheduleAt } from "./schedule.ts";
import { slotsOf } from "./slots.ts";
import { type StuckLimits, stuckWatch } from "./stuck.ts";

interface MainnetOptions {
  readonly endpoints: NodeEndpoints;
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly limits?: MainnetLimits;
  /** Called while a call is slow or waits to be retried. Default: none. */
  readonly onWait?: (wait: Wait) => void;
  /** Whether it may spawn a process to prove that another one, which is not computed any more, has ended. Default false. */
  readonly provesRuin?: boolean | undefined;
}

export interface MainnetLimits {
  /** Concurrent calls to the node. Default 8. */
  readonly concurrency?: number;
  /** Time limit of one call in seconds, never more than its budget. Default 60: a push returns when everything that follows from it is done. */
  readonly callSeconds?: number;
  /**
   * Milliseconds for which a post may still be under way at the node after its connection ended: during that time, its absence in the
   * schedule proves nothing. Default 12,000: a busy scheduler gives up after ten seconds.
   */
  readonly inFlight?: number;
  /** Whether the node has every process of the network, so that a process that it does not have does not exist. Default false. */
  readonly isWhole?: boolean;
  /** How the waits between attempts grow. */
  readonly backoff?: Partial<Backoff>;
  /** Slots per page when a schedule is read. Default 500. */
  readonly page?: number;
  /** When a process that is not computed any more counts as stuck, or as ended. */
  readonly stuck?: StuckLimits;
}

/** For the embedded network: a post is scheduled at once or not at all, and no other node has processes of it. */
export const EMBEDDED_NODE: MainnetLimits = { inFlight: 500, isWhole: true };

/** AO's production network, through one HyperBEAM node. */
export function connectMainnet(options: MainnetOptions): Ao {
  const watch = goneWatch(() => connected.exists);
  const onWait = (wait: Wait) => {
    options.onWait?.(wait);
    watch.saw(wait);
  };
  const parts = partsOf({ ...options, onWait });
  const connected: Ao = { ...changing(parts, options), ...reading(parts, options) };
  return watch.refusing(connected);
}

type Parts = ReturnType<typeof partsOf>;

/** The node, the gateway, and the caches of the connection. */
function partsOf(options: MainnetOptions) {
  const { endpoints, wallet, journal, limits = {}, onWait } = options;
  const { concurrency = 8, callSeconds = 60, inFlight = 12_000, page } = limits;
  const backoff = { ...defaultBackoff, ...limits.backoff, ...(onWait ? { observe: onWait } : {}) };
  const unitLimits = { concurrency, timeout: callSeconds * 1000 };
  const posting = { ...unitLimits, beforePost: () => journal.assertHeld() };
  const node = nodeAt(endpoints.nodeUrl, posting);
  const index = unitAt("gateway", endpoints.graphqlUrl, unitLimits);
  const gateway = unitAt("gateway", endpoints.gatewayUrl, unitLimits);
  const { uploadUrl } = endpoints;
  const upload = uploadUrl === undefined ? undefined : unitAt("upload service", uploadUrl, posting);
  const modules = moduleLoader(index, backoff, { lua: true });
  const schedule = scheduleAt(node, page);
  const effects = effectsOf({
    ...{ wallet, journal, node, schedule, upload, backoff, inFlight },
    module: modules.load,
    isShown: async (id, budget) =>
      (await readPage(index, { ids: [id] }, { first: 1 }, budget)).items[0] !== undefined,
  });
  const again = <T>(what: string, budget: Budget, attempt: () => Promise<T>) =>
    retrying(what, budget, attempt, backoff);
  const device = processDevice(node, schedule);
  const refusing = (input: { readonly processId: string; readonly tags: Tags }, budget: Budget) =>
    again(`asking for the device of the process ${input.processId}`, budget, () =>
      refuseCalls(input, device, budget),
    );
  const identity = identityCheck(node, endpoints.nodeAddress, backoff);
  const control = options.provesRuin
    ? controlOf({ endpoints, journal, schedule, effects, again, own: identity.own, results: () => results })
    : undefined;
  const results: Results = resultsAt(node, stuckWatch({ node, device, control, limits: limits.stuck }));
  return { node, index, gateway, modules, schedule, effects, backoff, again, refusing, results, identity };
}

/** How long the node is not asked again who it is, ms. */
const KNOWN_MS = 300_000;
/** Seconds for that question before an attempt to read. */
const COMPARE_SECONDS = 5;

/** Who the node is, asked again after a while: a monitor runs for weeks, in which another node may take over the URL. */
function identityCheck(node: NodeClient, expected: string | undefined, backoff: Backoff) {
  let known: { readonly address: string; readonly until: number } | undefined;
  const isKnown = () => known !== undefined && performance.now() <= known.until;
  const know = (address: string) => {
    known = { address, until: performance.now() + KNOWN_MS };
    return address;
  };
  /** The node's own address. */
  async function own(budget: Budget): Promise<string> {
    if (known !== undefined && isKnown()) return known.address;
    return know(await lookAtNode(node, expected, backoff, budget));
  }
  return {
    own,
    /** Before anything is signed. Another node at the same URL does not have the processes, whatever it answers. */
    async check(budget: Budget): Promise<void> {
      if (expected !== undefined) await own(budget);
    },
    /**
     * Before an attempt to read. A node that does not tell its address now is left to that attempt, which reports why.
     *
     * @throws FleetError NODE_CHANGED
     */
    async compare(budget: Budget): Promise<void> {
      if (expected === undefined || isKnown()) return;
      const address = await addressNow(node, within(budget, COMPARE_SECONDS)).catch(tolerate(undefined));
      if (address === undefined) return;
      if (address !== expected) throw nodeChanged(node.url, expected, address);
      know(address);
    },
  };
}

type Changes = "address" | "spawn" | "send" | "resend" | "publish" | "settle" | "monitor";

/** The methods that change the network. */
function changing(
  { effects, modules, refusing, identity: { own, check } }: Parts,
  { endpoints, wallet, journal }: MainnetOptions,
): Pick<Ao, Changes> {
  return {
    address: wallet.address,
    async spawn(input, budget) {
      await check(budget);
      const { scheduler = await own(budget), authority = await own(budget) } = { ...endpoints, ...input };
      return effects.spawn({ ...input, scheduler, authority }, budget);
    },
    async send(input, budget) {
      await check(budget);
      await refusing(input, budget);
      return effects.send(input, budget);
    },
    async resend(messageId, budget) {
      await check(budget);
      return effects.resend(messageId, budget);
    },
    async publish(input, budget) {
      await check(budget);
      const sent = await effects.publish(input, budget);
      // The index lags; a module that was published here need not be looked up.
      if (input.tags.Type === "Module") {
        modules.know({ id: sent.id, owner: wallet.address, recipient: "", action: "", tags: input.tags });
      }
      return sent;
    },
    settle: (intent) => journal.settle(intent),
    // A node's cron device is a timer in its memory that cannot send messages.
    monitor: async () => false,
  };
}

/** The methods that read from the node and the gateway, with retries. */
function reading(parts: Parts, { journal, wallet, limits = {} }: MainnetOptions): Omit<Ao, Changes> {
  const { node, index, gateway, schedule, refusing, results, backoff, identity } = parts;
  /** Reads from the node that is pinned. */
  const again: Parts["again"] = (what, budget, attempt) =>
    parts.again(what, budget, async () => {
      await identity.compare(budget);
      return attempt();
    });
  const slots = slotsOf(journal, schedule);
  const evaluation: Ao["evaluation"] = ({ processId, messageId, expectOutput = false, slot: own }, budget) =>
    again(`waiting for the result of the message ${messageId}`, budget, async () => {
      if (own !== undefined) return results.at({ processId, messageId, slot: own }, budget);
      const slot = await slots.of(processId, messageId, budget);
      if (slot === undefined) throw notEvaluated(processId, messageId, "the node has not scheduled it");
      const named = await results.at({ processId, messageId, slot }, budget);
      if (!isEmptyEvaluation(named)) return named;
      // If the node had the bytes already, its answer to the post named a later slot, which is empty.
      const first = await slots.first(processId, messageId, budget);
      const result =
        first === undefined || first === slot
          ? named
          : await results.at({ processId, messageId, slot: first }, budget);
      if (expectOutput && isEmptyEvaluation(result))
        throw notEvaluated(processId, messageId, "an empty output");
      return result;
    });
  const schedules = (processId: string) => `reading the schedule of the process ${processId}`;
  return {
    evaluation,
    async awaitReady(processId, budget) {
      await evaluation({ processId, messageId: processId }, budget);
    },
    isPlaced: ({ processId, messageId }, budget) =>
      again(
        `asking whether the message ${messageId} arrived`,
        budget,
        async () => (await slots.of(processId, messageId, budget)) !== undefined,
      ),
    chains: false,
    // A node drops the signature of a dry run.
    dryRunner: "stranger",
    async dryrun(input, budget) {
      await refusing(input, budget);
      return again(`a dry run on the process ${input.processId}`, budget, () =>
        results.dryrun(input, wallet.address, budget),
      );
    },
    async published(input, budget) {
      // Whoever reads nothing here asks next, and learns then that another node answers.
      const isSame = await identity.compare(budget).then(() => true, tolerate(false));
      return isSame ? readPublished(node, input, budget) : undefined;
    },
    results: (input, budget) => pageOfResults({ ...parts, again }, input, budget),
    latest: (processId, budget) =>
      again(schedules(processId), budget, () => schedule.current(processId, budget)),
    range: (input, budget) => again(schedules(input.processId), budget, () => schedule.range(input, budget)),
    exists: existenceOf({
      ...{ isWhole: limits.isWhole, backoff },
      has: async (id, budget) => (await schedule.current(id, budget)) !== undefined,
    }),
    find: (query, budget) =>
      findAll(query, (at) =>
        parts.again("asking the gateway's index", budget, () => readPage(index, query, at, budget)),
      ),
    data: (id, budget) =>
      parts.again(`reading the data of ${id}`, budget, () => readData(gateway, id, budget)),
  };
}

/** A node has no list of results: they are read slot by slot. A cursor is the number of a slot. */
async function pageOfResults(
  { schedule, results, again }: Parts,
  { processId, cursor, limit = 25, newestFirst = false }: Parameters<Ao["results"]>[0],
  budget: Budget,
): ReturnType<Ao["results"]> {
  const newest = await again(`reading the schedule of the process ${processId}`, budget, () =>
    schedule.current(processId, budget),
  );
  if (newest === undefined) return { items: [] };
  const step = newestFirst ? -1 : 1;
  const start = cursor === undefined ? (newestFirst ? newest : 0) : Number(cursor) + step;
  const left = newestFirst ? start + 1 : newest - start + 1;
  const count = Math.max(0, Math.min(limit, left));
  const items = await Promise.all(
    Array.from({ length: count }, (_, index) => start + index * step).map((slot) =>
      again(`reading the results of the process ${processId}`, budget, async () => ({
        ...(await results.at({ processId, messageId: "", slot }, budget)),
        cursor: String(slot),
      })),
    ),
  );
  const last = items.at(-1);
  return { items, ...(last ? { next: last.cursor } : {}) };
}
