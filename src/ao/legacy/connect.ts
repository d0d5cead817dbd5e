import { setTimeout as sleep } from "node:timers/promises";
import type { Budget } from "../../core/budget.ts";
import { notEvaluated, UnitError } from "../errors.ts";
import type { Journal } from "../journal/index.ts";
import { MAX_MESSAGE_BYTES } from "../network.ts";
import type { Ao, Evaluation, NetworkEndpoints } from "../port.ts";
import { type Backoff, defaultBackoff, retrying, type Wait } from "../retry.ts";
import type { Wallet } from "../wallet.ts";
import { arrivalOf } from "./arrival.ts";
import { resultIdsOf } from "./assigned.ts";
import { readDryrun, readResult, readResults } from "./cu.ts";
import { effectsOf } from "./effects.ts";
import { findAll, readData, readPage } from "./gateway.ts";
import { historyAt } from "./history.ts";
import { unitAt } from "./http.ts";
import { moduleLoader } from "./modules.ts";
import { postMonitor } from "./monitor.ts";
import { preflight } from "./preflight.ts";
import { schedulersOf } from "./scheduler.ts";

export interface LegacyOptions {
  readonly endpoints: NetworkEndpoints;
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly limits?: LegacyLimits;
  /** Told what a person may want to know, one line each. Default: nobody. */
  readonly log?: (line: string) => void;
  /** Told of calls that have to be repeated or take long, while they wait. Default: nobody. */
  readonly onWait?: (wait: Wait) => void;
}

export interface LegacyLimits {
  /** Calls at once to each unit. Default 8. */
  readonly concurrency?: number;
  /** Seconds that one call may take, never more than its budget. Default 30: real units need 15.5 s to say that they do not know a message. */
  readonly callSeconds?: number;
  /**
   * Milliseconds between sending to a process that never answered yet and the first look at its result. Default 400: real
   * compute units lose outgoing messages of a fresh process that is asked at once. 0 where that is known not to happen.
   */
  readonly firstLook?: number;
  /**
   * Milliseconds after which it is asked whether a message that has no result was lost, doubled each time; it is posted again when
   * the scheduler does not have it. Default 10,000.
   */
  readonly repostAfter?: number;
  /**
   * Milliseconds that a post may still be on its way after its connection ended: so long, a scheduler that does not know it
   * proves nothing. Default 5,000.
   */
  readonly inFlight?: number;
  /** How waits between tries grow. */
  readonly backoff?: Partial<Backoff>;
  /** Messages of one call for the order of a process. Default 500. */
  readonly page?: number;
}

/** For the embedded network: its compute unit has no race with a fresh process, and a post is scheduled at once or not at all. */
export const EMBEDDED_LIMITS: LegacyLimits = { firstLook: 0, inFlight: 500 };

/** An AO network of the legacy protocol (messenger, compute and scheduler units), the embedded one included. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the whole port in one place, a call for each of its methods.
export function connectLegacy({
  endpoints,
  wallet,
  journal,
  limits = {},
  log = () => {},
  onWait,
}: LegacyOptions): Ao {
  const { concurrency = 8, callSeconds = 30, firstLook = 400 } = limits;
  const { repostAfter = 10_000, inFlight = 5000 } = limits;
  const backoff = { ...defaultBackoff, ...limits.backoff, ...(onWait ? { observe: onWait } : {}) };
  const unitLimits = { concurrency, timeout: callSeconds * 1000 };
  const mu = unitAt("messenger unit", endpoints.muUrl, unitLimits);
  const cu = unitAt("compute unit", endpoints.cuUrl, unitLimits);
  const index = unitAt("gateway", endpoints.graphqlUrl, unitLimits);
  const gateway = unitAt("gateway", endpoints.gatewayUrl, unitLimits);
  const { uploadUrl, maxMessageBytes = MAX_MESSAGE_BYTES } = endpoints;
  const upload = uploadUrl === undefined ? undefined : unitAt("upload service", uploadUrl, unitLimits);
  const modules = moduleLoader(index, backoff);
  /** When this connection last sent to a process that has not answered anything yet. */
  const fresh = new Map<string, number>();
  const warm = new Set<string>();

  const unit = (url: string) => unitAt("scheduler unit", url, unitLimits);
  const schedulers = schedulersOf({ endpoints, index, unit });
  const shown = async (id: string, budget: Budget) =>
    (await readPage(index, { ids: [id] }, { first: 1 }, budget)).items[0];
  const arrival = arrivalOf({
    schedulers,
    inFlight,
    isShown: async (id, budget) => (await shown(id, budget)) !== undefined,
  });
  const ways = { maxMessageBytes, hasUpload: upload !== undefined };
  const effects = effectsOf({
    ...{ wallet, journal, mu, upload, ways, backoff, log, arrival },
    module: modules.load,
  });
  const resultIds = resultIdsOf({ journal, schedulers, ways, shown });

  const find: Ao["find"] = (query, budget) =>
    findAll(query, (page) =>
      retrying("asking the gateway's index", budget, () => readPage(index, query, page, budget), backoff),
    );

  const data: Ao["data"] = (id, budget) =>
    retrying(`reading the data of ${id}`, budget, () => readData(gateway, id, budget), backoff);

  const noteSent = (processId: string) => {
    if (!warm.has(processId)) fresh.set(processId, performance.now());
  };

  const evaluation: Ao["evaluation"] = async ({ processId, messageId, expectOutput = false }, budget) => {
    const sentAt = fresh.get(processId);
    if (sentAt !== undefined) {
      const wait = Math.min(sentAt + firstLook - performance.now(), budget.remaining());
      if (wait > 0) await sleep(wait);
    }
    let repostAt = performance.now() + repostAfter;
    let patience = repostAfter;
    let isSought = false;
    return retrying(
      `waiting for the result of the message ${messageId}`,
      budget,
      async () => {
        try {
          const resultId = await resultIds.of(messageId, budget);
          const result = await readResult(cu, processId, { messageId, resultId }, budget);
          if (expectOutput && isEmpty(result)) throw notEvaluated(processId, messageId, "an empty output");
          if (!isEmpty(result)) {
            warm.add(processId);
            fresh.delete(processId);
          }
          return result;
        } catch (error) {
          if (isUnknownThere(error) && !isSought) {
            // What the compute unit said counts, whoever else cannot be asked.
            isSought = await resultIds.seek({ processId, messageId }, budget).then(
              () => true,
              () => false,
            );
          }
          if (isUnknownThere(error) && performance.now() >= repostAt) {
            await effects.repost(processId, budget);
            if (messageId !== processId) await effects.repost(messageId, budget);
            patience *= 2;
            repostAt = performance.now() + patience;
          }
          throw error;
        }
      },
      backoff,
    );
  };

  return {
    address: wallet.address,
    async spawn(input, budget) {
      const sent = await effects.spawn(input, budget);
      noteSent(sent.id);
      return sent;
    },
    async send(input, budget) {
      const sent = await effects.send(input, budget);
      noteSent(input.processId);
      return sent;
    },
    async publish(input, budget) {
      const sent = await effects.publish(input, budget);
      // The index is behind; what we published ourselves need not be looked up there.
      if (input.tags.Type === "Module")
        modules.know({ id: sent.id, owner: wallet.address, recipient: "", tags: input.tags });
      return sent;
    },
    evaluation,
    isPlaced: (ref, budget) =>
      retrying(
        `asking whether the message ${ref.messageId} arrived`,
        budget,
        () => resultIds.isPlaced(ref, budget),
        backoff,
      ),
    async awaitReady(processId, budget) {
      await evaluation({ processId, messageId: processId }, budget);
    },
    monitor: (input, budget) =>
      retrying(
        `asking for the crons of the process ${input.processId}`,
        budget,
        () => postMonitor(mu, wallet, input, budget),
        backoff,
      ),
    settle: (intent) => journal.settle(intent),
    dryrun: ({ processId, tags, data }, budget) =>
      retrying(
        `a dry run on the process ${processId}`,
        budget,
        () => readDryrun(cu, { processId, owner: wallet.address, tags, data }, budget),
        backoff,
      ),
    results: ({ processId, cursor, limit = 25, newestFirst = false }, budget) =>
      retrying(
        `reading the results of the process ${processId}`,
        budget,
        () => readResults(cu, { processId, cursor, limit, newestFirst }, budget),
        backoff,
      ),
    find,
    data,
    ...historyAt({
      ...{ find, data, unit: (budget: Budget) => schedulers.locate(endpoints.scheduler, budget) },
      ...(limits.page === undefined ? {} : { page: limits.page }),
    }),
    preflight: (input, budget) =>
      preflight(
        {
          mu,
          cu,
          backoff,
          module: modules.load,
          scheduler: (time) => schedulers.locate(endpoints.scheduler, time),
          index: (time) => find({ tags: { "Data-Protocol": "ao" }, limit: 1 }, time),
        },
        input,
        budget,
      ),
  };
}

const isEmpty = ({ output, error, messages, spawns }: Evaluation) =>
  output === "" && error === undefined && messages.length === 0 && spawns.length === 0;

/** The compute unit said that it cannot find it, or fell over it. */
const isUnknownThere = (error: unknown) =>
  error instanceof UnitError && (error.code === "UNIT_FAILED" || error.code === "PROCESS_UNKNOWN");
