import { budgetOf } from "../../core/budget.ts";
import { latestDue, nextDue } from "../../core/cron.ts";
import { FleetError } from "../../core/errors.ts";
import { type MonitoredCron, tickTags } from "../../fleet/crons.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import { memberKey, parseKeyOf } from "../../fleet/session/member-key.ts";
import type { Session } from "../../fleet/session/session.ts";
import type { Clock } from "../observe/clock.ts";
import { type SentTick, SentTicks } from "./sent-ticks.ts";

/** A process whose cron the monitor drives. */
export interface Ticked extends ProcessRef {
  readonly cron: MonitoredCron;
}

interface TickerOptions {
  /** Its journal outlives the monitor, so that a tick is signed once. */
  readonly session: Pick<Session, "scope" | "ao" | "journal">;
  readonly clock: Clock;
  /** The processes, read again before each pass: a deployment may have changed them. */
  readonly ticked: () => Promise<readonly Ticked[]>;
  readonly note: (line: string) => void;
  /** A number from 0 to 1 that differs between monitors. @default a random one */
  readonly chance?: number;
}

/** What is known of the cron of one process. */
interface Progress {
  /** The time from which its intervals count: that of its spawn, so that it is the same for every monitor. */
  origin?: number;
  /** When its order was first read. */
  lookedAt: number;
  /** What was read of its order. */
  readonly order: SentTicks;
  /** The latest tick in its order. */
  latest?: Pick<SentTick, "messageId" | "scheduledAt">;
  /** The id of the latest tick that this monitor sent. */
  own?: string;
  /** When a failed attempt is repeated. */
  retryAt: number;
  /** The work under way. It never rejects. */
  work?: Promise<void>;
}

/** Milliseconds between two passes at most: a deployment may have changed the crons. */
const PASS_MS = 10_000;
/** Milliseconds after a failed attempt, and after the first look at a process. */
const RETRY_MS = 5000;
const LOOK_MS = 1000;
/** The longest time that a monitor which did not send the latest tick leaves to the one that did; at least half of it. */
const STANDBY_MS = 10_000;
/** Seconds for one attempt: at least, and at most. */
const SECONDS = { least: 10, most: 60 };
/** Ticks after which the journal is rewritten without what is over. */
const TICKS_PER_COMPACTION = 500;
/** The step in the journal's keys. */
const STEP = "tick";

/**
 * Sends the ticks of crons that the network does not drive, each once.
 *
 * - A tick is due at a multiple of its interval since the process was spawned, and that time names it. The journal has one signed message
 *   for it, and the library of the process takes one.
 * - The order of the process is read before a tick is sent: another monitor may have sent it. A monitor that did not send the latest tick
 *   leaves time to the one that did; so does one that has just started.
 * - Of ticks that were missed, only the latest is sent, as a Kubernetes CronJob starts only the latest of its missed jobs.
 */
export class Ticker {
  readonly #options: TickerOptions;
  readonly #standby: number;
  readonly #progress = new Map<string, Progress>();
  #bug: { readonly error: unknown } | undefined;
  #sent = 0;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#standby = (STANDBY_MS * (1 + (options.chance ?? Math.random()))) / 2;
  }

  /** Sends what is due until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) await this.#options.clock.sleep(await this.pass(), signal);
    } finally {
      await this.#settled();
    }
  }

  /** Sends what is due now. An attempt that fails is not repeated. */
  async once(): Promise<void> {
    const { clock } = this.#options;
    const end = clock.now() + STANDBY_MS + PASS_MS;
    for (;;) {
      const pause = await this.pass();
      await this.#settled();
      if (clock.now() >= end || !(await this.#isBehind())) return;
      await clock.sleep(pause);
    }
  }

  /**
   * Begins what is due, without waiting for it.
   *
   * @returns milliseconds until the next pass
   */
  async pass(): Promise<number> {
    const { clock, ticked } = this.#options;
    const now = clock.now();
    let wake = now + PASS_MS;
    for (const each of await ticked()) {
      const progress = this.#of(each);
      const at = nextAt(each, progress, now, this.#standby);
      if (progress.work === undefined && at <= now) this.#begin(each, progress, now);
      const { origin, work } = progress;
      if (work === undefined) wake = Math.min(wake, at);
      else
        wake = Math.min(wake, origin === undefined ? now + LOOK_MS : nextDue(each.cron.everyMs, origin, now));
    }
    if (this.#bug !== undefined) throw this.#bug.error;
    return Math.max(0, wake - clock.now());
  }

  #of({ processId }: Ticked): Progress {
    const known = this.#progress.get(processId);
    if (known) return known;
    const made: Progress = { lookedAt: 0, order: new SentTicks(processId), retryAt: 0 };
    this.#progress.set(processId, made);
    return made;
  }

  #begin(each: Ticked, progress: Progress, now: number): void {
    const { clock, note } = this.#options;
    const { everyMs } = each.cron;
    const seconds = Math.min(SECONDS.most, Math.max(SECONDS.least, everyMs / 1000));
    const due = progress.origin === undefined ? undefined : latestDue(everyMs, progress.origin, now);
    const task =
      due === undefined ? this.#look(each, progress, seconds) : this.#tick(each, progress, due, seconds);
    progress.work = task
      .then(() => {
        progress.retryAt = 0;
      })
      .catch((error: unknown) => {
        progress.retryAt = clock.now() + RETRY_MS;
        if (!(error instanceof FleetError)) this.#bug ??= { error };
        else note(`${each.name}: its tick was not sent: ${error.problems[0].what} [${error.code}]`);
      })
      .finally(() => {
        delete progress.work;
      });
  }

  /** Reads when the process was spawned, and the latest tick in its order. */
  async #look(each: Ticked, progress: Progress, seconds: number): Promise<void> {
    const { session, clock } = this.#options;
    const slot = { processId: each.processId, from: 0, to: 0 };
    const [spawned] = await session.ao.range(slot, budgetOf(seconds));
    await this.#read(progress, clock.now() - each.cron.everyMs, seconds);
    progress.lookedAt = clock.now();
    progress.origin = spawned?.timestamp ?? 0;
  }

  async #read(progress: Progress, since: number, seconds: number): Promise<void> {
    const { ao } = this.#options.session;
    const latest = await progress.order.readLatest(ao, since, budgetOf(seconds));
    if (latest !== undefined && latest.scheduledAt > (progress.latest?.scheduledAt ?? 0))
      progress.latest = latest;
  }

  async #tick(each: Ticked, progress: Progress, due: number, seconds: number): Promise<void> {
    const { ao, journal, scope } = this.#options.session;
    await this.#read(progress, due, seconds);
    if (progress.latest !== undefined && progress.latest.scheduledAt >= due) return;
    const intent = memberKey(scope, each.name, each.generation, `${STEP}/${due}`);
    await this.#closeOlder(each, intent);
    // A messenger unit's tick has no data; without any, aoconnect would send a number.
    const tick = { intent, processId: each.processId, tags: tickTags(each.cron, due), data: "" };
    // It stays open in the journal until the next one: a monitor that starts again finds that it was sent.
    const { id } = await ao.send(tick, budgetOf(seconds));
    progress.own = id;
    progress.latest = { messageId: id, scheduledAt: due };
    this.#sent += 1;
    if (this.#sent % TICKS_PER_COMPACTION === 0) await journal.compact();
  }

  /** Closes earlier ticks. One that was signed and perhaps never sent is abandoned: missed ticks are not sent later. */
  async #closeOlder({ name }: Ticked, intent: string): Promise<void> {
    const { journal, scope } = this.#options.session;
    for (const { key, state } of journal.open()) {
      const parsed = parseKeyOf(scope, key);
      if (key === intent || parsed?.step !== STEP || parsed.name !== name) continue;
      if (state === "sent") await journal.settle(key);
      else await journal.void(key, "a later tick is due");
    }
  }

  async #isBehind(): Promise<boolean> {
    const now = this.#options.clock.now();
    const all = await this.#options.ticked();
    return all.some((each) => {
      const { origin, latest, retryAt } = this.#of(each);
      if (retryAt > 0) return false;
      if (origin === undefined) return true;
      const due = latestDue(each.cron.everyMs, origin, now);
      return due !== undefined && (latest === undefined || latest.scheduledAt < due);
    });
  }

  async #settled(): Promise<void> {
    await Promise.all([...this.#progress.values()].map(({ work }) => work));
    if (this.#bug !== undefined) throw this.#bug.error;
  }
}

/** When there is something to do for a process: the first look, a tick that is due, or the next one. */
function nextAt(
  { cron: { everyMs } }: Ticked,
  { origin, lookedAt, latest, own, retryAt }: Progress,
  now: number,
  standby: number,
): number {
  if (origin === undefined) return Math.max(now, retryAt);
  const due = latestDue(everyMs, origin, now);
  if (due === undefined || (latest !== undefined && latest.scheduledAt >= due))
    return nextDue(everyMs, origin, now);
  if (latest !== undefined && latest.messageId === own) return Math.max(retryAt, due);
  return Math.max(retryAt, Math.max(due, lookedAt) + Math.min(standby, everyMs / 2));
}
