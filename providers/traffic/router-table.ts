/**
 * The router's table during one rollout: reads and sets it, and moves state along with the traffic. It stores only the rollout's progress.
 */
import { amount } from "../../src/core/amount.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import {
  holdFields,
  holdOf,
  isSameTable,
  openRevert,
  type Phase,
  tableName,
  weightsText,
} from "../../src/delivery/index.ts";
import type { HoldCode, SetTraffic, Table, TrafficState } from "../../src/delivery/wire.ts";
import { isEvaluated, isUnsent } from "../../src/fleet/protocol/ask.ts";
import type { Standing } from "./admission.ts";
import { fence } from "./fence.ts";
import { switchUnknown, withStanding } from "./hand-over-messages.ts";
import { hasSameShares, type Wanted } from "./plan.ts";
import type { RolloutEffects } from "./rollout-effects.ts";
import {
  isFinal,
  isNotHanded,
  notReturned,
  stranded,
  targetsUnproven,
  waitsForReplies,
} from "./rollout-errors.ts";
import type { RolloutProgress } from "./rollout-progress.ts";
import {
  forwardMessage,
  movesAfterRevert,
  movesSinceProven,
  raisedIn,
  setAgain,
  strandedMessage,
  strandedText,
} from "./rollout-state.ts";
import { movesUndone, type StateMove, stateMoves, stateOwners } from "./state-moves.ts";

/** Milliseconds of a lease that only parts two holds. */
const LEASE_MS = 60_000;

/** Milliseconds between two polls while targets are proved. */
const PROOF_MS = 300;

export class RouterTable {
  readonly #wanted: Wanted;
  readonly #effects: RolloutEffects;
  readonly #progress: RolloutProgress;
  /** Whether this run changed the router's table. */
  hasSet = false;

  /** @param progress the rollout's progress, updated in place and correct even after an error */
  constructor(wanted: Wanted, effects: RolloutEffects, progress: RolloutProgress) {
    this.#wanted = wanted;
    this.#effects = effects;
    this.#progress = progress;
  }

  async read(): Promise<TrafficState> {
    const state = await this.#effects.router.read();
    this.#progress.table = state.table;
    return state;
  }

  async set(message: SetTraffic): Promise<void> {
    const set = await this.#effects.router.set(message);
    this.hasSet = true;
    if (!set.repeated) this.#progress.slot = set.slot;
  }

  /** Holds a table with a reason and without a lease, and reads it. */
  async hold(state: TrafficState, table: Table, code: HoldCode, text: string): Promise<void> {
    const held = (now: TrafficState) => ({ ...setAgain(table, now), ...holdFields(now, code, text) });
    await this.set(held(state));
    const now = await this.read();
    if (now.serial !== state.serial || now.proven === undefined || holdOf(now.table)?.code === code) return;
    // A router of an earlier version keeps the reason of a table that is held already, unless that has a lease in between. The lease ends what
    // the router knows of an abort, so a table that has the reason gets none.
    const lease = { forMs: LEASE_MS, revertTo: now.proven.release, onEnd: "hold" as const };
    await this.set({ ...setAgain(table, now), lease });
    await this.set(held(await this.read()));
    await this.read();
  }

  /** Sets a table, and first moves the state of services that change their process. The switch happens at one slot. */
  async switch({ table }: TrafficState, message: SetTraffic): Promise<void> {
    const list = stateMoves(this.#wanted.services, table, message);
    const standings = await this.#effects.handOver.transfer(list);
    await (list.length === 0 ? this.set(message) : this.#setMoving(list, standings, message));
    crashPoint("traffic.moved");
    await this.#effects.handOver.serve(list);
  }

  /**
   * Sets a table after state was handed over. While it is unknown whether the router took it, no old revision is resumed: the changes that it
   * accepts would be lost. A second call for a message without an answer signs no other one: it awaits the same message.
   *
   * @param standings what the old revisions answered in the hand-over
   */
  async #setMoving(
    list: readonly StateMove[],
    standings: readonly Standing[],
    message: SetTraffic,
  ): Promise<void> {
    const set = () => this.set(message).then(() => undefined, failureOf);
    const first = await set();
    const isUnclear = first !== undefined && !isEvaluated(first.error) && !isUnsent(first.error);
    const failed = isUnclear ? await set() : first;
    if (failed === undefined) return;
    const { error } = failed;
    const now = await this.read().catch(() => undefined);
    if (now && isInForce(now.table, message)) {
      this.hasSet = true;
      return;
    }
    // After a first call without an answer, only the evaluation says that the message has no effect.
    const isRefused = isEvaluated(error) ? now !== undefined : !isUnclear;
    if (!isRefused) throw switchUnknown(list, standings, error);
    // What somebody else moved meanwhile is not served by its old revision.
    const resumed = await this.#effects.handOver.undo(
      now === undefined ? list : movesUndone(this.#wanted.services, now.table, list),
    );
    throw error instanceof FleetError ? withStanding(error, resumed) : error;
  }

  /**
   * Repairs what a run left that died or lost an answer: state in a revision that lost its traffic, and a serving process that refuses
   * requests.
   *
   * @returns the router's state, which a message of that run may have changed
   */
  async recover(state: TrafficState): Promise<TrafficState> {
    const { handOver, router } = this.#effects;
    const { services } = this.#wanted;
    const owners = stateOwners(services, state.table);
    const refusing = await handOver.refusing(owners);
    if (refusing.length > 0) {
      await fence(router, this.#wanted, state, refusing);
      const now = await this.read();
      if (now.serial !== state.serial) return this.recover(now);
    }
    await this.#moveBack(state, (list) => handOver.recover(list));
    const now = await this.#reportReturn(state);
    await handOver.confirm(movesSinceProven(services, now));
    await handOver.resumeServing(refusing);
    return now;
  }

  /**
   * After an unfinished rollout of another release: returns to the last proven table. If its revisions cannot take the state back, the table that
   * has the state is held for a person; one that was held for that becomes the proven one, so that another release can replace it.
   *
   * @returns the router's state; undefined if there is another proven table now
   */
  async startOver(state: TrafficState): Promise<TrafficState | undefined> {
    const { table, proven } = state;
    const name = table ? tableName(table) : "a rollout";
    await this.report("PREPARING", `${name} was in progress: starting from the last proven table`);
    try {
      if (table && proven) await this.switch(state, setAgain(proven, state));
      return await this.read();
    } catch (error) {
      if (table === undefined || !isFinal(error)) throw error;
      if (holdOf(table)?.code === "stranded") await this.#supersede(state, name, error);
      else await this.#strand(state, table, error);
      return undefined;
    }
  }

  /** A person sees first that the state cannot go back. */
  async #strand(state: TrafficState, table: Table, error: FleetError): Promise<never> {
    await this.hold(state, table, "stranded", strandedText(error.problems[0].what));
    await this.report("HELD", `${weightsText(this.#progress.table)}: the state cannot go back`);
    throw stranded(error, false);
  }

  /** Makes the table that has the state the proven one. @throws the error if this release returns to a revision that cannot take the state */
  async #supersede(state: TrafficState, name: string, error: FleetError): Promise<void> {
    const forward = forwardMessage(state, this.#wanted);
    if (forward === undefined) throw error;
    const where = weightsText({ services: forward.services });
    await this.report(
      "PREPARING",
      `the state of ${name} cannot go back, so this release replaces it: ${where}`,
    );
    await this.prove(raisedIn(forward, state), forward.release);
    await this.switch(state, forward);
  }

  /**
   * After the router reverted the traffic: moves the state that had moved back, with the new revision's changes since the switch.
   *
   * @param why the error by which the run ends
   * @returns the error to end with, which also says that the state is not back
   */
  async followBack(why: FleetError): Promise<FleetError> {
    const { handOver } = this.#effects;
    try {
      const state = await this.read();
      await this.#moveBack(state, async (list) => {
        await handOver.transfer(list);
        await handOver.serve(list);
      });
      await this.#reportReturn(state).catch((error: unknown) => this.#unreported(error));
      return why;
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      // The traffic is not where it was: that is all there is to say.
      return this.#progress.phase === "HELD" ? error : notReturned(why, error);
    }
  }

  /** The router may not know that the state is back: the next run reports it again, and moves nothing. */
  async #unreported(error: unknown): Promise<void> {
    if (!(error instanceof FleetError)) throw error;
    const { what, code } = error.problems[0];
    await this.report(
      this.#progress.phase,
      `the next run reports to the router that the state is back: ${what} [${code}]`,
    );
  }

  /**
   * Moves the state of what the router reverted. If an old revision cannot take it, its traffic returns to the new one, which has the state:
   * the old one refuses every request. Then a person decides, as in a rollback by a run. If it only takes too long, the next run moves it; a
   * handler that waits for a reply may do so without end.
   */
  async #moveBack(state: TrafficState, move: (list: readonly StateMove[]) => Promise<void>): Promise<void> {
    const list = movesAfterRevert(state, this.#wanted);
    try {
      await move(list);
    } catch (error) {
      if (!isNotHanded(error) || (error.transient && !waitsForReplies(error))) throw error;
      await this.#holdReverted(state, list, error.problems[0].what);
      const isAborted = openRevert(state)?.reverted.why === "abort";
      throw this.#progress.phase === "HELD" ? stranded(error, isAborted) : error;
    }
  }

  async #holdReverted(state: TrafficState, list: readonly StateMove[], why: string): Promise<void> {
    const stranded = await this.#effects.handOver.refusing(list);
    const names = stranded.map(({ name }) => name);
    const message = strandedMessage(state, this.#wanted, names, why);
    if (message === undefined) return;
    await this.set(message);
    await this.read();
    await this.report("HELD", `${weightsText(this.#progress.table)}: the state cannot go back`);
  }

  /** Has the router keep that the state of what it reverted is back: a later run must not move that older state again. */
  async #reportReturn(state: TrafficState): Promise<TrafficState> {
    const open = openRevert(state);
    if (open === undefined) return state;
    await this.#effects.router.set(setAgain(open.table, state));
    return this.read();
  }

  /** Has the router ask each target for its health at a release. @throws FleetError TARGET_UNPROVEN */
  async prove(targets: Readonly<Record<string, string>>, release = this.#wanted.release): Promise<void> {
    const { strategy } = this.#wanted;
    const ids = Object.keys(targets);
    if (ids.length === 0) return;
    await this.report("HEALTH_VALIDATION", `the router checks ${amount(ids.length, "revision")}`);
    await this.#effects.router.prove(release, targets);
    const of = (state: TrafficState, id: string) => {
      const proof = state.proofs[id];
      return proof?.release === release && proof.revision === targets[id] ? proof : undefined;
    };
    for (let left = strategy.healthCheckTimeout * 1000; ; left -= PROOF_MS) {
      const state = await this.read();
      const open = ids.filter((id) => of(state, id)?.status !== "proven");
      if (open.length === 0) return;
      const refused = open.filter((id) => of(state, id)?.status === "refused");
      if (refused.length > 0 || left <= 0) {
        this.#progress.phase = "FAILED";
        throw targetsUnproven(open.map((id) => `${id.slice(0, 8)}: ${of(state, id)?.detail ?? "no answer"}`));
      }
      await this.#effects.wait(PROOF_MS);
    }
  }

  async report(phase: Phase, detail: string): Promise<void> {
    this.#progress.phase = phase;
    await this.#effects.report(phase, detail);
  }
}

const failureOf = (error: unknown) => ({ error });

/** Whether a table is the one that a message sets. */
const isInForce = (table: Table | undefined, message: SetTraffic): boolean =>
  isSameTable(table, message) && table?.salt === message.salt && hasSameShares(table, message.services);
