import { apply, type Change, type Policy } from "./alert-book.ts";
import { type Dora, doraOf, type Figures, figuresOf, type Run } from "./deployments.ts";
import { wantedBy } from "./notify/send.ts";
import type { Round, State } from "./reading.ts";
import { judgeCoordinator, judgeDeployments, judgeRound } from "./rules.ts";
import type { Settings } from "./settings.ts";
import type { MonitorStore } from "./store.ts";
import { type Judgement, PROCESS_TYPES } from "./types.ts";
import { countStates, overall, passes, type StateCounts } from "./verdict.ts";
import { stateNow, type Watched, watch } from "./watch.ts";

/** The ledger's data in a round. */
export interface LedgerView {
  /** Name of the member that is the ledger. */
  readonly name: string;
  readonly runs: readonly Run[];
  /** The ledger's own alerts. */
  readonly judgements: readonly Judgement[];
}

/** The outcome of a round. */
interface Outcome {
  readonly watched: readonly Watched[];
  readonly state: State | "UNKNOWN";
  readonly passed: boolean;
  readonly counts: StateCounts;
  readonly figures?: Figures;
  readonly dora?: Dora;
  readonly changes: readonly Change[];
}

const policyOf = ({ alerts }: Settings): Policy => ({
  cooldownMs: alerts.cooldownMinutes * 60_000,
  escalationMs: alerts.escalationMinutes * 60_000,
  retentionMs: alerts.retentionHours * 3_600_000,
});

/** Where changes wait for the fleet's ledger (`alerts.ledger`); no receiver can have this name. */
export const LEDGER_COPY = "";

/** Whether a process counts for or against its fleet: not if only a signed message can read it. */
const isCounted = (each: Watched | undefined): boolean =>
  !(each?.reading.outcome === "unread" && each.reading.needsSignedRead);

/** Processes a round: states, alerts, what receivers are to be sent, and figures, stored in one transaction. */
export function processRound(
  store: MonitorStore,
  round: Round,
  settings: Settings,
  ledger?: LedgerView,
  commits: readonly number[] = [],
): Outcome {
  return store.atomically(() => {
    const { limits } = settings;
    const known = new Map(store.watched().map((each) => [each.name, each]));
    const watched = round.readings.map((reading) =>
      watch(known.get(reading.name), reading, round.at, limits),
    );
    // Before the first answer the round's own result counts: a silent process is not healthy. One that was not asked is
    // unknown.
    const states = watched.map((each) =>
      each.state === "UNKNOWN" && each.reading.outcome === "silent" ? "OFFLINE" : stateNow(each),
    );
    const counts = countStates(states);
    const counted = countStates(states.filter((_, index) => isCounted(watched[index])));
    const figures = ledger && figuresOf(ledger.runs);
    const keeper = watched.find(({ name }) => name === ledger?.name);
    const judgements = [
      ...judgeRound(round, watched, limits),
      ...(ledger && figures ? judgeDeployments(figures, ledger.name, limits) : []),
      ...(keeper ? judgeCoordinator(keeper, limits) : []),
      ...(ledger?.judgements ?? []),
      ...gone(known, round),
    ];
    const { book, changes } = apply(
      store.book(),
      judgements.flatMap((each) => configured(each, settings)),
      round.at,
      policyOf(settings),
    );
    store.saveBook(book);
    // With the book, so that a change is sent although the monitor is killed, or a receiver is down, in this round.
    for (const receiver of settings.receivers)
      store.addUnsent(receiver.name, wantedBy(receiver, changes), round.at);
    if (settings.alerts.ledger) store.addUnsent(LEDGER_COPY, changes, round.at);
    store.forgetUnsent(round.at - policyOf(settings).retentionMs);
    store.keep(round.at, watched);
    store.forget(round.at - settings.retention.readingsHours * 3_600_000);
    return {
      watched,
      state: counted.total === 0 && counts.total > 0 ? "UNKNOWN" : overall(counted, limits),
      passed: passes(counted, limits),
      counts,
      ...(figures ? { figures } : {}),
      ...(ledger ? { dora: doraOf(ledger.runs, commits, round.at) } : {}),
      changes,
    };
  });
}

/** Resolves the alerts of processes that left the fleet. */
function gone(known: ReadonlyMap<string, Watched>, { readings }: Round): Judgement[] {
  const here = new Set(readings.map(({ name }) => name));
  return [...known.keys()]
    .filter((name) => !here.has(name))
    .flatMap((source) => PROCESS_TYPES.map((type) => ({ type, source, holds: false, message: "" })));
}

function configured(judgement: Judgement, { alerts }: Settings): Judgement[] {
  if (alerts.off.includes(judgement.type)) return [];
  const level = alerts.levels[judgement.type];
  return [level === undefined ? judgement : { ...judgement, level }];
}
