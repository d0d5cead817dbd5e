import { FleetError } from "../../core/errors.ts";
import { newId } from "../../core/stamp.ts";
import { isGoneError } from "../members/gone.ts";
import { type Incarnation, incarnationsIn, newestIncarnation } from "../members/members.ts";
import { retireOrAbandon, yieldToRival } from "../members/rival.ts";
import { isRuinedError, mayReplace, withReplaceRemedy } from "../members/ruined.ts";
import { beginRun, failRun, reportProgress } from "../protocol/deployments.ts";
import { info } from "../protocol/info.ts";
import type { LedgerAt } from "../protocol/registry.ts";
import { resume } from "../protocol/state.ts";
import type { RunRequest } from "./run-request.ts";
import type { Run, Session } from "./session.ts";

/**
 * Milliseconds between two heartbeats of a run. The ledger refuses other operators for a few of them
 * (`ALIVE_FOR` in processes/deployment-coordinator/deployments.lua); most runs end before the first.
 */
const HEARTBEAT = 45_000;

/** Codes that mean that another run took the epoch: beginning again would fence that run out. */
const SUPERSEDED = new Set(["STALE_EPOCH", "DEPLOYMENT_IN_PROGRESS"]);

/** The run of a session: reports to the ledger, and holds the epoch that it took there. */
export class Deployment implements Run {
  readonly id: string;
  readonly startedAt = new Date();
  readonly #request: RunRequest;
  readonly #session: () => Session;
  #epoch: Promise<number> | undefined;
  #current: Promise<number> | undefined;
  /** The entry of this run in the ledger, while it is neither finished nor failed there. */
  #running: LedgerAt | undefined;
  /** The ledger on which this run began. */
  #begunOn: string | undefined;
  #beat: NodeJS.Timeout | undefined;
  /** Set if another operator's first deployment took precedence. */
  #lost: FleetError | undefined;
  /** Set if another run took the epoch. */
  #superseded: FleetError | undefined;

  constructor(request: RunRequest, session: () => Session) {
    this.#request = request;
    this.#session = session;
    this.id = request.deploymentId ?? newId("deploy", this.startedAt);
  }

  seconds(): number {
    return Math.round((Date.now() - this.startedAt.getTime()) / 100) / 10;
  }

  epoch(): Promise<number> {
    // Set by `fleet rollback --manual`: higher than every process' epoch. The next run raises the ledger's epoch to it.
    const manual = this.#request.manualEpoch;
    if (manual !== undefined) return Promise.resolve(manual);
    if (this.#lost) return Promise.reject(this.#lost);
    if (this.#superseded) return Promise.reject(this.#superseded);
    this.#epoch ??= this.#begin().catch((error: unknown) => {
      this.#epoch = undefined;
      // This run has ended for all its resources.
      if (error instanceof FleetError && SUPERSEDED.has(error.code)) this.#superseded = error;
      throw error;
    });
    return this.#epoch;
  }

  async ledgerEpoch(): Promise<{ ledger: Incarnation; epoch: number } | undefined> {
    if (this.#request.manualEpoch !== undefined) return undefined;
    const ledger = await this.#ledger();
    if (!ledger) return undefined;
    await this.epoch();
    if (this.#begunOn !== ledger.processId) this.#epoch = undefined;
    await this.epoch();
    await this.assertFirst(this.#ownLedger(ledger));
    return { ledger, epoch: await this.epoch() };
  }

  async assertFirst(ledger: Pick<Incarnation, "processId" | "generation">): Promise<void> {
    if (this.#lost) throw this.#lost;
    const epoch = await (this.#epoch ?? 0);
    this.#lost = await yieldToRival(this.#session(), ledger, epoch);
    if (this.#lost) throw this.#lost;
  }

  async assertKept(name: string, one: Pick<Incarnation, "processId" | "generation">): Promise<void> {
    if (!this.#lost) return;
    await retireOrAbandon(this.#session(), name, one, await (this.#epoch ?? 0));
    throw this.#lost;
  }

  currentEpoch(): Promise<number> {
    this.#current ??= this.#readEpoch().catch((error: unknown) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  async catchUp(member: Pick<Incarnation, "processId" | "generation">, name: string): Promise<boolean> {
    const session = this.#session();
    const budget = session.budget(30);
    const ledger = await this.#ledger();
    if (!ledger) return false;
    const { epoch } = await info(session, { name, ...member }, budget, "epoch", "status");
    const { epoch: behind } = await info(session, this.#to(ledger), budget, "epoch", "status");
    if (epoch <= behind) return false;
    await resume(session, this.#to(ledger), epoch, budget);
    return true;
  }

  ended(): void {
    this.#running = undefined;
    clearInterval(this.#beat);
  }

  async failed(reason: string, status: "FAILED" | "HELD" = "FAILED"): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.ended();
    const session = this.#session();
    await failRun(session, running, this.id, { status, reason }, session.budget(10)).catch(() => {});
  }

  /** Sends heartbeats to the ledger, so that another operator's run does not consider this one dead. */
  #keepAlive(running: LedgerAt): void {
    const session = this.#session();
    let beat = 0;
    this.#beat = setInterval(() => {
      beat += 1;
      // A lost or refused heartbeat is ignored: the next change would be refused too, with the reason.
      void reportProgress(session, running, this.id, { beat }, session.budget(10)).catch(() => {});
    }, HEARTBEAT);
    this.#beat.unref();
  }

  /** The ledger in use. */
  async #ledger(): Promise<Incarnation | undefined> {
    const newest = await this.#lastLedger();
    return newest?.retired ? undefined : newest;
  }

  /**
   * The ledger that this machine spawned, if the one in use is another operator's of the same generation: a first deployment finds that one
   * on the network. Nothing may be registered there for processes that are about to be given up.
   */
  #ownLedger(used: Incarnation): Incarnation {
    const own = incarnationsIn(this.#session(), this.#to(used).name).at(-1);
    return own !== undefined && !own.retired && own.generation === used.generation ? own : used;
  }

  /** The newest ledger, retired or not. */
  async #lastLedger(): Promise<Incarnation | undefined> {
    const session = this.#session();
    const name = session.scope.ledger;
    if (name === undefined) return undefined;
    const newest = await newestIncarnation(session, name, session.budget(60));
    return newest?.unsent ? undefined : newest;
  }

  #to({ generation, processId }: Incarnation) {
    return { name: this.#session().scope.ledger ?? "", generation, processId };
  }

  /** Also 0 for a ledger that was spawned but never loaded: it has no epoch yet, and this run loads it. */
  async #readEpoch(): Promise<number> {
    return (await this.#ledgerInfo())?.epoch ?? 0;
  }

  async #ledgerInfo(): Promise<{ ledger: Incarnation; epoch: number; retired: boolean } | undefined> {
    const session = this.#session();
    const ledger = await this.#lastLedger();
    if (!ledger) return undefined;
    const place = this.#to(ledger);
    const ledgerName = place.name;
    try {
      const { epoch, status } = await info(session, place, session.budget(60), "epoch", "status");
      return { ledger, epoch, retired: status === "RETIRED" };
    } catch (error) {
      if (error instanceof FleetError && error.code === "NO_REPLY") return undefined;
      if (isGoneError(error)) return undefined;
      if (!isRuinedError(error)) throw error;
      // If it may be replaced, its epoch is unknown, and the run begins as on a fleet without a ledger.
      if (mayReplace(this.#request, ledgerName)) return undefined;
      throw new FleetError({ ...withReplaceRemedy(ledgerName, error).problems[0], code: "LEDGER_RUINED" });
    }
  }

  async #begin(): Promise<number> {
    const session = this.#session();
    const found = await this.#ledgerInfo();
    if (!found) return 0;
    const { ledger, epoch: current, retired } = found;
    // A retired ledger accepts no more runs, and its epoch is final: the rest of its fleet still accepts that epoch, and the next
    // generation starts from it.
    if (retired) return current;
    const to = this.#to(ledger);
    const begun = {
      deploymentId: this.id,
      operator: await session.operator(),
      takeOver: this.#request.takeOver === true,
    };
    const epoch = await beginRun(session, { ...to, epoch: current }, begun, session.budget(60));
    this.#begunOn = ledger.processId;
    this.#running = { ...to, epoch };
    this.#keepAlive(this.#running);
    // Messages that were signed before this epoch are obsolete.
    await session.supersede();
    return epoch;
  }
}
