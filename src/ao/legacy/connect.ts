import type { Budget } from "../../core/budget.ts";
import type { Journal } from "../journal/index.ts";
import { MAX_MESSAGE_BYTES } from "../network.ts";
import type { Ao } from "../port.ts";
import { type Backoff, defaultBackoff, retrying, type Wait } from "../retry.ts";
import { findAll, readData, readPage } from "../shared/gateway.ts";
import { existenceOf, goneWatch } from "../shared/gone.ts";
import { unitAt } from "../shared/http.ts";
import { moduleLoader } from "../shared/modules.ts";
import type { Wallet } from "../wallet.ts";
import { arrivalOf } from "./arrival.ts";
import { readDryrun, readResults } from "./cu.ts";
import { effectsOf } from "./effects.ts";
import type { LegacyEndpoints } from "./endpoints.ts";
import { historyAt } from "./history.ts";
import { postMonitor } from "./monitor.ts";
import { resultIdsOf } from "./result-ids.ts";
import { resultsOf } from "./results.ts";
import { schedulersOf } from "./scheduler.ts";

interface LegacyOptions {
  readonly endpoints: LegacyEndpoints;
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly limits?: LegacyLimits;
  /** Receives notices for the user, one line each. Default: none. */
  readonly log?: (line: string) => void;
  /** Called while a call is slow or waits to be retried. Default: none. */
  readonly onWait?: (wait: Wait) => void;
}

export interface LegacyLimits {
  /** Concurrent calls to each unit. Default 8. */
  readonly concurrency?: number;
  /** Time limit of one call in seconds, never more than its budget. Default 30: real units take 15.5 s to report an unknown message. */
  readonly callSeconds?: number;
  /**
   * Milliseconds between sending to a process that has not answered yet and the first read of its result. Default 400: real
   * compute units lose outgoing messages of a new process that is read at once. 0 where that is known not to happen.
   */
  readonly firstRead?: number;
  /**
   * Milliseconds after which a message without a result is looked up at the scheduler, doubled each time; it is posted again if
   * the scheduler does not have it. Default 10,000.
   */
  readonly repostAfter?: number;
  /**
   * Milliseconds for which a post may still be in transit after its connection ended: during that time, its absence at the
   * scheduler proves nothing. Default 5,000.
   */
  readonly inFlight?: number;
  /**
   * Milliseconds by which answers of the scheduler's unit may be behind what it accepted: for so much longer, its "not found" about a spawn
   * or an assignment proves nothing. Default 0.
   */
  readonly schedulerLag?: number;
  /** Whether the scheduler's unit has every process of the network, so that its "not found" is final. Default false. */
  readonly isWhole?: boolean;
  /** How the waits between attempts grow. */
  readonly backoff?: Partial<Backoff>;
  /** Messages per page when the order of a process is read. Default 500. */
  readonly page?: number;
}

/**
 * For the embedded network: its compute unit has no race with a new process, a post is scheduled at once or not at all, and no other
 * scheduler has processes of it.
 */
export const EMBEDDED_LIMITS: LegacyLimits = { firstRead: 0, inFlight: 500, isWhole: true };

/** An AO network of the legacy protocol (messenger, compute and scheduler units), including the embedded one. */
export function connectLegacy(options: LegacyOptions): Ao {
  const watch = goneWatch(() => exists);
  const onWait = (wait: Wait) => {
    options.onWait?.(wait);
    watch.saw(wait);
  };
  const parts = partsOf({ ...options, onWait });
  const { evaluation, noteSent } = resultsOf(parts, options.limits);
  const { schedulers, backoff } = parts;
  const { scheduler } = options.endpoints;
  const exists: Ao["exists"] = existenceOf({
    ...{ isWhole: options.limits?.isWhole, backoff },
    has: (id, budget) => schedulers.has({ kind: "spawn", id, scheduler }, budget),
  });
  const connected: Ao = {
    ...changing(parts, options, noteSent),
    ...reading(parts, options),
    exists,
    evaluation,
    async awaitReady(processId, budget) {
      await evaluation({ processId, messageId: processId }, budget);
    },
  };
  return watch.refusing(connected);
}

type Parts = ReturnType<typeof partsOf>;

/** The units, and the caches of the connection. */
function partsOf({ endpoints, wallet, journal, limits = {}, log = () => {}, onWait }: LegacyOptions) {
  const { concurrency = 8, callSeconds = 30, inFlight = 5000, schedulerLag = 0 } = limits;
  const backoff = { ...defaultBackoff, ...limits.backoff, ...(onWait ? { observe: onWait } : {}) };
  const unitLimits = { concurrency, timeout: callSeconds * 1000 };
  const posting = { ...unitLimits, beforePost: () => journal.assertHeld() };
  const mu = unitAt("messenger unit", endpoints.muUrl, posting);
  const cu = unitAt("compute unit", endpoints.cuUrl, unitLimits);
  const index = unitAt("gateway", endpoints.graphqlUrl, unitLimits);
  const gateway = unitAt("gateway", endpoints.gatewayUrl, unitLimits);
  const { uploadUrl, maxMessageBytes = MAX_MESSAGE_BYTES } = endpoints;
  const upload = uploadUrl === undefined ? undefined : unitAt("upload service", uploadUrl, posting);
  const modules = moduleLoader(index, backoff);
  const unit = (url: string) => unitAt("scheduler unit", url, unitLimits);
  const schedulers = schedulersOf({ endpoints, index, unit });
  const shown = async (id: string, budget: Budget) =>
    (await readPage(index, { ids: [id] }, { first: 1 }, budget)).items[0];
  const arrival = arrivalOf({
    schedulers,
    patience: inFlight + schedulerLag,
    ...{ inFlight, longestPost: unitLimits.timeout },
    isShown: async (id, budget) => (await shown(id, budget)) !== undefined,
    assigned: ({ key }, assignment) => journal.sent(key, assignment),
  });
  const routes = { maxMessageBytes, hasUpload: upload !== undefined };
  const effects = effectsOf({
    ...{ wallet, journal, mu, upload, routes, backoff, log, arrival },
    module: modules.load,
    newest: schedulers.newest,
  });
  const resultIds = resultIdsOf({ journal, schedulers, routes, shown });
  return { wallet, journal, backoff, mu, cu, index, gateway, modules, schedulers, effects, resultIds };
}

type Changes = "address" | "spawn" | "send" | "resend" | "publish" | "settle";

/** The methods that change the network. */
function changing(
  { wallet, journal, modules, effects }: Parts,
  { endpoints: { scheduler, authority } }: LegacyOptions,
  noteSent: (processId: string) => void,
): Pick<Ao, Changes> {
  return {
    address: wallet.address,
    async spawn(input, budget) {
      const sent = await effects.spawn({ scheduler, authority, ...input }, budget);
      noteSent(sent.id);
      return sent;
    },
    async send(input, budget) {
      const sent = await effects.send(input, budget);
      noteSent(input.processId);
      return sent;
    },
    resend: (messageId, budget) => effects.resend(messageId, budget),
    async publish(input, budget) {
      const sent = await effects.publish(input, budget);
      // The index lags; a module that was published here need not be looked up.
      if (input.tags.Type === "Module")
        modules.know({ id: sent.id, owner: wallet.address, recipient: "", action: "", tags: input.tags });
      return sent;
    },
    settle: (intent) => journal.settle(intent),
  };
}

/** The methods that read from the units, with retries. */
function reading(
  { wallet, backoff, mu, cu, index, gateway, schedulers, resultIds }: Parts,
  { endpoints, limits = {} }: LegacyOptions,
): Omit<Ao, Changes | "evaluation" | "awaitReady" | "exists"> {
  const find: Ao["find"] = (query, budget) =>
    findAll(query, (page) =>
      retrying("asking the gateway's index", budget, () => readPage(index, query, page, budget), backoff),
    );

  const data: Ao["data"] = (id, budget) =>
    retrying(`reading the data of ${id}`, budget, () => readData(gateway, id, budget), backoff);
  return {
    find,
    data,
    isPlaced: (ref, budget) =>
      retrying(
        `asking whether the message ${ref.messageId} arrived`,
        budget,
        () => resultIds.isPlaced(ref, budget),
        backoff,
      ),
    monitor: (input, budget) =>
      retrying(
        `asking for the crons of the process ${input.processId}`,
        budget,
        () => postMonitor(mu, wallet, input, budget),
        backoff,
      ),
    chains: true,
    dryRunner: "wallet",
    dryrun: ({ processId, tags, data, from = wallet.address }, budget) =>
      retrying(
        `a dry run on the process ${processId}`,
        budget,
        () => readDryrun(cu, { processId, owner: from, tags, data }, budget),
        backoff,
      ),
    results: ({ processId, cursor, limit = 25, newestFirst = false }, budget) =>
      retrying(
        `reading the results of the process ${processId}`,
        budget,
        () => readResults(cu, { processId, cursor, limit, newestFirst }, budget),
        backoff,
      ),
    ...historyAt({
      ...{ find, data, backoff, unit: (budget: Budget) => schedulers.locate(endpoints.scheduler, budget) },
      ...(limits.page === undefined ? {} : { page: limits.page }),
    }),
  };
}
