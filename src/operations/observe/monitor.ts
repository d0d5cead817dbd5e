import { mapConcurrently } from "../../core/concurrently.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import { readManifest } from "../../fleet/members/manifest.ts";
import type { KnownFleet, Member } from "../../fleet/members/member.ts";
import { cronOf, monitoredCrons } from "../../fleet/members/monitored-crons.ts";
import { servingFleet } from "../../fleet/members/serving.ts";
import type { Change } from "../../monitor/alert-book.ts";
import { isDeploying } from "../../monitor/deployments.ts";
import { type Metrics, metricsOf } from "../../monitor/metrics.ts";
import type { Origin } from "../../monitor/notify/message.ts";
import { notify } from "../../monitor/notify/send.ts";
import type { Reading } from "../../monitor/reading.ts";
import { type Report, reportOf } from "../../monitor/report.ts";
import { processRound } from "../../monitor/round.ts";
import type { Settings } from "../../monitor/settings.ts";
import { performanceOf } from "../../monitor/statistics.ts";
import type { MonitorStore } from "../../monitor/store.ts";
import type { Env } from "../../toolchain/paths.ts";
import type { Clock } from "./clock.ts";
import { CronWatch } from "./crons.ts";
import { LEDGER_READS, observeLedger } from "./ledger.ts";
import { LedgerCopy } from "./ledger-copy.ts";
import { type Expected, observe, READS_PER_PROCESS, type ReadContext } from "./observe.ts";
import { type RateLimit, rateLimitOf } from "./rate-limit.ts";
import { refusalReason } from "./verdict.ts";

const HOUR = 3_600_000;
const LANES = 4;
/** Reads per minute that legacy compute units allow one address by default. */
const SHARED_READS_PER_MINUTE = 6;

interface MonitorOptions {
  readonly fleet: FleetSession;
  /** The scheduled messages; undefined if the scheduler cannot be asked. */
  readonly history: History | undefined;
  readonly store: MonitorStore;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly env: Env;
  /** Times of the project's commits, milliseconds since 1970, for DORA's lead time. */
  readonly commits: () => Promise<readonly number[]>;
  /** Number of processes read at a time. @default 4 */
  readonly lanes?: number;
  /** Sends alerts to the receivers. @default true */
  readonly notify?: boolean;
  /** Called when a round starts, and before its alerts are raised and sent. What it throws ends the round. @default nothing */
  readonly assertHeld?: () => void;
}

/** The result of one round: its report, the alerts that changed, and which processes serve. */
export interface RoundResult {
  readonly report: Report;
  readonly changes: readonly Change[];
  readonly serving: KnownFleet;
}

/** Watches a fleet in rounds. */
export interface Monitor {
  readonly metrics: Metrics;
  /** Milliseconds from one round to the next: the interval, or longer if the units' rate limit requires it. */
  readonly intervalMs: number;
  round(): Promise<RoundResult>;
}

/** Creates the monitor of a fleet. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one round from its reads to its report, in order.
export async function monitorOf(options: MonitorOptions): Promise<Monitor> {
  const { fleet, settings, clock, store } = options;
  const origin: Origin = {
    project: fleet.project,
    stack: fleet.stack,
    network: fleet.session.network.kind,
  };
  const shared = origin.network === "local" ? undefined : SHARED_READS_PER_MINUTE;
  const rateLimit: RateLimit = rateLimitOf(settings.readsPerMinute ?? shared, clock);
  const metrics = metricsOf(origin);
  const inLedger = settings.alerts.ledger ? new LedgerCopy(fleet.session, store) : undefined;
  const crons = new CronWatch(fleet, clock);
  let commits: readonly number[] | undefined;
  let commitsFor = -1;
  const reads = await dryRunsOf(fleet);
  const orders: ReadContext["orders"] = new Map();

  return {
    metrics,
    intervalMs: Math.max(settings.limits.intervalMs, rateLimit.least(reads)),
    async round() {
      options.assertHeld?.();
      const at = clock.now();
      const started = clock.ticks();
      const notes: string[] = [];
      const note = (text: string) => {
        notes.push(text);
      };
      const known = await membersNow(fleet, rateLimit, note);
      if (known.members.length === 0) note("The stack has no processes yet. Deploy it: npx fleet deploy");
      const context: ReadContext = {
        fleet,
        history: options.history,
        limits: settings.limits,
        rateLimit,
        clock,
        orders,
      };
      const keeper = known.members.find(({ name }) => name === known.ledger);
      const ledger = keeper && (await observeLedger(context, keeper, known.members, store, note));
      const deploying = isDeploying(ledger?.runs ?? [], at);
      const readings = await readAll(
        context,
        servingIn(known),
        await expectations(fleet, known, deploying),
        store,
        options.lanes ?? LANES,
      );
      await crons.update(known.members, note);
      const runs = ledger?.runs.length ?? 0;
      if (commits === undefined || runs !== commitsFor) {
        commits = await options.commits();
        commitsFor = runs;
      }
      const work = readings.find(({ maintenance }) => maintenance?.enabled)?.maintenance;
      if (work) note(`maintenance${work.reason ? ` (${work.reason})` : ""}: no alerts about processes`);
      const round = {
        at,
        readings,
        deploying,
        maintenance: work !== undefined,
      };
      const receivers = options.notify === false ? [] : settings.receivers;
      options.assertHeld?.();
      const outcome = processRound(store, round, { ...settings, receivers }, ledger, commits);
      const deliveries = await notify(receivers, store, origin, { env: options.env });
      for (const { receiver, reason } of deliveries)
        if (reason) note(`${receiver} was not notified: ${reason}`);
      if (inLedger && keeper) await inLedger.update(keeper, known.members, ledger?.alerts, note);
      const { changes, ...shown } = outcome;
      const snapshot = {
        at,
        seconds: (clock.ticks() - started) / 1000,
        ...shown,
        alerts: store.book().alerts,
        deliveries,
      };
      metrics.record(snapshot);
      const heap = outcome.watched.find(({ name }) => name === keeper?.name)?.counters?.luaHeapKB;
      const report = reportOf(origin, snapshot, performanceOf(store.since(at - HOUR), heap), notes);
      return { report, changes, serving: known };
    },
  };
}

/** The dry runs of a round in which every process is healthy. Published state is read without one, but says nothing about ticks. */
async function dryRunsOf(fleet: FleetSession): Promise<number> {
  const { ao, scope } = fleet.session;
  const crons = await monitoredCrons(scope);
  const isServed = ao.published !== undefined;
  const asked = servingIn(fleet).filter(
    (member) => !isServed || runsWithoutLibrary(member) || cronOf(member, crons) !== undefined,
  );
  return (
    asked.length * READS_PER_PROCESS +
    (fleet.ledger === undefined ? 0 : LEDGER_READS) +
    (fleet.router === undefined || isServed ? 0 : 1)
  );
}

/** The members in the present manifest and traffic table: a deployment may have changed them since the monitor started. */
async function membersNow(
  fleet: FleetSession,
  rateLimit: RateLimit,
  note: (line: string) => void,
): Promise<KnownFleet> {
  const turn = () => rateLimit.turn();
  const known = await servingFleet(fleet.session, { readState: async () => fleet, note, turn });
  const ledger = known.ledger ?? fleet.ledger;
  return { ...known, ...(ledger === undefined ? {} : { ledger }) };
}

/** The code, settings and crons that every member should run, and which ones may refuse requests. */
async function expectations(
  fleet: FleetSession,
  { sharing = [] }: Pick<KnownFleet, "sharing">,
  deploying: boolean,
): Promise<(member: Member) => Expected> {
  const { scope } = fleet.session;
  const [manifest, crons] = await Promise.all([readManifest(scope), monitoredCrons(scope)]);
  return (member) => {
    const { name, processId, sourceHash, of } = member;
    const mayRefuse = refusalReason(member, sharing, deploying);
    const entry = manifest?.processes[of ?? name];
    // The manifest's settings are those of the process that serves, and apply to no other.
    const configVersions = (entry?.processId === processId && entry.configVersions) || {};
    const cron = cronOf(member, crons);
    return {
      ...{ sourceHash, configVersions },
      ...(cron === undefined ? {} : { cron }),
      ...(mayRefuse === undefined ? {} : { mayRefuse }),
    };
  };
}

async function readAll(
  context: ReadContext,
  members: readonly Member[],
  expected: (member: Member) => Expected,
  store: MonitorStore,
  lanes: number,
): Promise<Reading[]> {
  const before = new Map(store.watched().map((each) => [each.name, each]));
  return mapConcurrently(members, lanes, (member) =>
    observe(context, member, expected(member), before.get(member.name)),
  );
}
