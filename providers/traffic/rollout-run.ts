/**
 * One rollout: reads the router, continues at its current step, and walks through the steps. Everything that must survive a crash is in the
 * router's table; this class has only the counters of the current interval.
 */
import { crashPoint } from "../../src/core/crash.ts";
import type { FleetError } from "../../src/core/errors.ts";
import {
  type Approval,
  approvalText,
  decide,
  isSameTable,
  type Move,
  type Position,
  type Promotion,
  phaseAt,
  requestsText,
  type Step,
  tableName,
  type Verdict,
  weightsText,
} from "../../src/delivery/index.ts";
import type { SetTraffic, TrafficState } from "../../src/delivery/wire.ts";
import { judgeStep } from "./judge-step.ts";
import {
  baseOf,
  finalOf,
  hasSameShares,
  messageOf,
  remainingSteps,
  servicesToMove,
  targetsFor,
  targetsOf,
  type Wanted,
  withSalt,
} from "./plan.ts";
import type { RolloutEffects } from "./rollout-effects.ts";
import {
  aborted,
  isNotHanded,
  isReverted,
  isStale,
  rolledBack,
  rolloutWaits,
  stranded,
  tableChanged,
  trafficTaken,
  type WaitReason,
} from "./rollout-errors.ts";
import { NOT_STARTED, type RolloutProgress } from "./rollout-progress.ts";
import {
  commandOf,
  expectSameTable,
  isAborted,
  isForeign,
  isSteadyAt,
  policyOf,
  resumeAt,
  setAgain,
  stepMessage,
  stepName,
  strandedText,
  waitReason,
  whyStale,
} from "./rollout-state.ts";
import { RouterTable } from "./router-table.ts";

/** Shortest time in milliseconds between two polls of the router while a step is watched. */
const POLL_MS = 5_000;
/** Longest one while the state is with the new revision: then only the run that watches the step carries an abort out. */
const HANDED_POLL_MS = 30_000;

/** A rollout of one release. `progress` is correct at any time, even after an error. */
export class RolloutRun {
  readonly progress: RolloutProgress;
  /** Whether this run made another release's table the proven one, and ended: a new run has to start from it. */
  isSuperseding = false;
  /** As declared; with its rollout's salt once the router's table shows whether that has begun. */
  #wanted: Wanted;
  readonly #declared: Wanted;
  readonly #effects: RolloutEffects;
  readonly #router: RouterTable;

  /** @param promoted promotions by earlier runs of this rollout. @default none */
  constructor(declared: Wanted, effects: RolloutEffects, promoted: readonly Promotion[] = []) {
    this.progress = { ...NOT_STARTED, promoted };
    this.#wanted = declared;
    this.#declared = declared;
    this.#effects = effects;
    this.#router = new RouterTable(declared, effects, this.progress);
  }

  /**
   * Walks through all steps to the end.
   *
   * @throws FleetError GATE, PAUSED, HELD (it waits), ROLLED_BACK, ROLLOUT_ABORTED, LEASE_ENDED (traffic is where it was),
   *   TARGET_UNPROVEN (nothing was switched), TRAFFIC_TAKEN (somebody else moves it)
   */
  async run(): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await this.#run();
      } catch (thrown) {
        const state = isStale(thrown) ? await this.#router.read() : undefined;
        const error = state ? whyStale(thrown, state, this.#wanted, this.#router.hasSet) : thrown;
        // An abort is carried out also if it arrives in the second attempt: such an attempt only returns, so the rollout does not start again.
        const isAgain = isFirst || (state !== undefined && isAborted(state));
        if (error === undefined && isAgain) continue;
        if (!isReverted(error)) throw error ?? thrown;
        this.progress.phase = "ROLLED_BACK";
        throw await this.#router.followBack(error);
      }
    }
  }

  async #run(): Promise<void> {
    let state = await this.#router.read();
    if (!state.table) state = await this.#begin();
    state = await this.#router.recover(state);
    if (isForeign(state, this.#wanted)) {
      const restarted = await this.#router.startOver(state);
      this.isSuperseding = restarted === undefined;
      if (restarted === undefined) return;
      state = restarted;
    }
    if (isAborted(state)) return this.#back(state, "aborted by hand");
    if (isSteadyAt(state.table, this.#wanted)) return this.#complete("already as declared");
    // Not before: until here, a message of an earlier run may have begun this rollout with its salt.
    this.#wanted = withSalt(this.#declared, state, this.#effects.newSalt);
    const steps = remainingSteps(this.#wanted, state.proven);
    await this.#router.prove(targetsFor(this.#wanted, steps, [state.table, state.proven]));
    const isThere = state.table?.mode === "steady" && hasSameShares(state.table, finalOf(this.#wanted));
    if (servicesToMove(this.#wanted).length === 0 || isThere)
      return this.#settle(state, finalOf(this.#wanted), "nothing moves");
    await this.#effects.measure.begin();
    await this.#runSteps(steps, state);
  }

  /** Sets the router's first table: all traffic stays where it is, so that there is a table to revert to. */
  async #begin(): Promise<TrafficState> {
    const services = baseOf(this.#wanted);
    await this.#router.report("PREPARING", "the router's first table");
    await this.#router.prove(targetsOf(services));
    await this.#router.set(messageOf(this.#wanted, 0, services));
    return this.#router.read();
  }

  /** The step at which the rollout continues; undefined if it starts. @throws FleetError GATE, PAUSED, HELD if it still waits */
  async #continueAt(steps: readonly Step[], state: TrafficState): Promise<Position | undefined> {
    const at = resumeAt(state, this.#wanted, steps);
    if (at === undefined) {
      // A rollout that starts again has every step judged again.
      this.progress.promoted = [];
      return undefined;
    }
    await this.#router.report("TRAFFIC_SWITCHING", `continues at ${stepName(steps, at.step)}`);
    const waits = waitReason(state, steps, at, this.#wanted);
    if (waits) throw this.#waits(waits, state.table?.reason ?? "");
    return at;
  }

  async #runSteps(steps: readonly Step[], first: TrafficState): Promise<void> {
    let state = first;
    const continued = await this.#continueAt(steps, state);
    let at = continued ?? { step: 0, inconclusive: 0, errors: 0 };
    // A promoted step is not watched for another interval. A table of no step, as when a part of the state is back, gets the first one's shares.
    let promoted = continued !== undefined && commandOf(state) === "promote" && state.table?.mode === "held";
    const begun = at.step;
    for (;;) {
      const step = steps[at.step] as Step;
      if (!promoted) state = await this.#watch(steps, at, state, step);
      if (isAborted(state)) return this.#back(state, "aborted by hand");
      const verdict = await this.#judge(state, at);
      crashPoint("traffic.judged");
      // A person's command may have arrived during the measurement.
      state = await this.#router.read();
      this.#assertOurs(state, at);
      const policy = at.step === begun ? policyOf(first, this.#wanted) : this.#wanted.strategy;
      const next = decide(policy, steps, at, verdict, commandOf(state));
      promoted = false;
      const isPast = next.move.kind === "finish" || next.move.kind === "step";
      if (isPast) this.#overruled(state, at, step, verdict);
      if (next.move.kind === "finish") return this.#finish(state, next.move.by, step);
      if (next.move.kind === "hold") return this.#hold(state, next.move);
      if (next.move.kind === "back") return this.#back(state, next.move.reason);
      if (next.move.kind === "watch")
        await this.#router.report(this.progress.phase, `keeps watching: ${next.move.reason}`);
      at = next.at;
    }
  }

  /** Gives green its share under a lease, and waits for the interval, or until a person promotes, pauses or aborts. */
  async #watch(steps: readonly Step[], at: Position, from: TrafficState, step: Step): Promise<TrafficState> {
    const { proven } = from;
    if (!proven) throw trafficTaken("there is no proven table");
    const message = stepMessage(this.#wanted, at, step, from, proven, this.#effects.slackMs);
    const phase = phaseAt(steps, at.step);
    this.progress.phase = phase;
    await this.#router.switch(from, message);
    crashPoint("traffic.set");
    await this.#router.report(phase, `${stepName(steps, at.step)}: ${weightsText(message)}`);
    let left = step.intervalSeconds * 1000;
    const slice = Math.max(POLL_MS, left / 6);
    const poll = message.lease?.onEnd === "hold" ? Math.min(slice, HANDED_POLL_MS) : slice;
    for (let unreported = poll; ; unreported += poll) {
      await this.#effects.wait(Math.min(left, poll));
      left -= poll;
      const state = await this.#router.read();
      this.#assertOurs(state, at);
      const command = commandOf(state);
      if (left <= 0 || (command !== undefined && command !== "resume")) return state;
      if (unreported < slice) continue;
      unreported = 0;
      await this.#router.report(phase, `${stepName(steps, at.step)}: ${requestsText(state)}`);
    }
  }

  async #judge(state: TrafficState, { inconclusive }: Position): Promise<Verdict> {
    const verdict = await judgeStep(this.#wanted, this.#effects.measure, state, inconclusive);
    this.progress.verdict = `${verdict.outcome}: ${verdict.text}`;
    await this.#router.report(this.progress.phase, `verdict ${this.progress.verdict}`);
    return verdict;
  }

  /** Records that a person promoted a step without a passing verdict. */
  #overruled({ command }: TrafficState, at: Position, { weightBp }: Step, { outcome, text }: Verdict): void {
    if (outcome === "pass") return;
    const promotion = { step: at.step + 1, weightBp, by: command?.by ?? "", outcome, verdict: text };
    this.progress.promoted = [...this.progress.promoted, promotion];
  }

  async #finish(state: TrafficState, approvedBy: Approval["approvedBy"], { weightBp }: Step): Promise<void> {
    const approval = { approvedBy, promoted: [...this.progress.promoted] };
    await this.#settle(state, finalOf(this.#wanted), approvalText(approval, weightBp), approvedBy);
  }

  /** Makes the table steady. State that is not where its traffic will be moves along. */
  async #settle(
    state: TrafficState,
    services: SetTraffic["services"],
    why: string,
    approvedBy?: Approval["approvedBy"],
  ): Promise<void> {
    const { release } = this.#wanted;
    const step = state.table?.release === release ? state.table.step + 1 : 1;
    await this.#router.switch(state, {
      ...messageOf(this.#wanted, step, services),
      ...expectSameTable(state),
    });
    this.progress.approvedBy = approvedBy;
    crashPoint("traffic.settled");
    await this.#complete(why);
  }

  async #complete(why: string): Promise<void> {
    await this.#router.read();
    await this.#router.report("COMPLETED", `${weightsText(this.progress.table)} (${why})`);
  }

  async #hold(state: TrafficState, { why, reason }: Extract<Move, { kind: "hold" }>): Promise<void> {
    // A table that a person paused is already held.
    if (state.table && state.table.mode !== "held") await this.#router.hold(state, state.table, why, reason);
    else await this.#router.read();
    throw this.#waits(why, reason);
  }

  #waits(why: WaitReason, reason: string): FleetError {
    this.progress.phase = "HELD";
    return rolloutWaits(why, reason, this.progress.table);
  }

  /** Returns all traffic to the last proven table, by one message. */
  async #back(state: TrafficState, reason: string): Promise<void> {
    // A person aborted what this run watched. One that finds an abort of before carries it out.
    const why = this.#router.hasSet && isAborted(state) ? aborted(state.command) : rolledBack(reason);
    await this.#router.report("FAILED", reason);
    if (!state.proven) throw trafficTaken("there is no proven table");
    await this.#router.report("ROLLING_BACK", tableName(state.proven));
    try {
      await this.#router.switch(state, setAgain(state.proven, state));
    } catch (error) {
      // The old revision cannot import the changes since the switch: a person decides, and until then nothing is lost.
      if (!state.table || !isNotHanded(error)) throw error;
      await this.#router.hold(state, state.table, "stranded", strandedText(reason));
      this.progress.phase = "HELD";
      throw stranded(error, isAborted(state));
    }
    crashPoint("traffic.back");
    await this.#router.read();
    await this.#router.report("ROLLED_BACK", weightsText(this.progress.table));
    throw why;
  }

  /** Throws if somebody else moved the traffic or the lease expired. */
  #assertOurs(state: TrafficState, at: Position): void {
    const ours = { release: this.#wanted.release, step: at.step + 1 };
    if (!isSameTable(state.table, ours)) throw tableChanged(state, ours);
  }
}
