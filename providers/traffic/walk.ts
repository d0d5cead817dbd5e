/**
 * One rollout: observe the router, go on at the step that it is at, walk the steps. All that has to outlive a crash is in the
 * router's table; this holds nothing but counters of the interval.
 */

import { amount } from "../../src/core/amount.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import {
  type Approval,
  approvalText,
  decide,
  GOES_ON,
  isSame,
  judge,
  type Move,
  type Phase,
  type Position,
  type Promotion,
  percent,
  phaseAt,
  requestsText,
  type Step,
  stepsOf,
  tableName,
  type Verdict,
  verdictOf,
  weightsText,
} from "../../src/delivery/index.ts";
import type { SetTraffic, Table, TrafficCommand, TrafficState } from "../../src/delivery/wire.ts";
import { type HandOver, handings, owners } from "./hand-over.ts";
import type { Handing } from "./handing.ts";
import type { Measure } from "./measure.ts";
import {
  baseOf,
  finalOf,
  isSpreadAs,
  messageOf,
  moversOf,
  servicesAt,
  stepsFrom,
  targetsFor,
  targetsOf,
  type Wanted,
} from "./plan.ts";
import type { Router } from "./router.ts";

/** Milliseconds between two looks at the router while a step is watched, at the least. */
const LOOK_MS = 5_000;
/** Milliseconds between two looks while targets are proved. */
const PROOF_MS = 300;

/** What a walk needs from outside. */
export interface Surroundings {
  readonly router: Router;
  readonly measure: Measure;
  /** Brings the state of those that own theirs along. */
  readonly handOver: HandOver;
  /** Lets so many milliseconds pass. */
  readonly wait: (ms: number) => Promise<void>;
  /** A line for who watches. */
  readonly tell: (phase: Phase, detail: string) => Promise<void>;
  /** Milliseconds that a lease lasts beyond its interval: what the messages of a step may take. */
  readonly slackMs: number;
}

/** How far a rollout is; what its resource's outputs say. */
export interface Standing {
  phase: Phase;
  table: Table | undefined;
  slot: number | undefined;
  verdict: string;
  /** Who let it through; undefined before its end, and where nothing moved. */
  letThrough: Approval["letThrough"] | undefined;
  /** Steps that a person promoted without a good verdict. */
  promoted: readonly Promotion[];
}

/** Of a rollout that has not begun. */
export const NOT_BEGUN: Readonly<Standing> = {
  phase: "PREPARING",
  table: undefined,
  slot: undefined,
  verdict: "",
  letThrough: undefined,
  promoted: [],
};

/** A rollout of one release. `standing` is right at any time, also after an error. */
export class Walk {
  readonly standing: Standing;
  readonly #wanted: Wanted;
  readonly #around: Surroundings;
  /** Whether this run changed the router's table. */
  #hasSet = false;

  /** @param promoted what earlier runs of this rollout left of `standing`, where it goes on. @default none */
  constructor(wanted: Wanted, around: Surroundings, promoted: readonly Promotion[] = []) {
    this.standing = { ...NOT_BEGUN, promoted };
    this.#wanted = wanted;
    this.#around = around;
  }

  /**
   * Walks to the end.
   *
   * @throws FleetError GATE, PAUSED, HELD (it waits), ROLLED_BACK, ROLLOUT_ABORTED, LEASE_ENDED (traffic is where it was),
   *   TARGET_UNPROVEN (nothing was switched), TRAFFIC_TAKEN (somebody else moves it)
   */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      if (await this.#wasLeft(error)) return this.#run();
      if (error instanceof FleetError && REVERTED.has(error.code)) await this.#followBack();
      throw error;
    }
  }

  /** Whether a step that this run was to go on from ended by its lease before the run could renew it: nothing is lost, it begins anew. */
  async #wasLeft(error: unknown): Promise<boolean> {
    if (this.#hasSet || !(error instanceof FleetError) || error.code !== "STALE_STEP") return false;
    const { reverted, table } = await this.#look();
    const { release } = this.#wanted;
    // Where state was handed over the table is held; otherwise it went back.
    if (table?.mode === "held") return table.release === release;
    return table?.mode === "steady" && reverted?.release === release && reverted.why === "lease";
  }

  async #run(): Promise<void> {
    let state = await this.#look();
    if (!state.table) state = await this.#begin();
    // What a new revision did before the router went back, of this release or another, is in its state alone.
    const { reverted, table } = state;
    const isBack = table?.mode === "steady" && reverted !== undefined && reverted.at > table.at;
    if (isBack && reverted.services)
      await this.#around.handOver.recover(
        handings(this.#wanted.services, { services: reverted.services, salt: reverted.salt }, table),
      );
    else if (isBack && reverted.release === this.#wanted.release)
      await this.#around.handOver.recover(this.#wayBack(table));
    await this.#around.handOver.serve(owners(this.#wanted.services, table));
    if (isForeign(state, this.#wanted)) state = await this.#reset(state);
    if (isSteadyAt(state.table, this.#wanted)) return this.#complete("already as declared");
    const steps = stepsFrom(this.#wanted, state.proven);
    await this.#prove(targetsFor(this.#wanted, steps, [state.table, state.proven]));
    const isThere = state.table?.mode === "steady" && isSpreadAs(state.table, finalOf(this.#wanted));
    if (moversOf(this.#wanted).length === 0 || isThere)
      return this.#settle(state, finalOf(this.#wanted), "nothing moves");
    await this.#around.measure.begin();
    await this.#walk(steps, state);
  }

  /** The first table of all: everything where it is, so that there is something to return to. */
  async #begin(): Promise<TrafficState> {
    const services = baseOf(this.#wanted);
    await this.#tell("PREPARING", "the router's first table");
    await this.#prove(targetsOf(services));
    await this.#set(messageOf(this.#wanted, 0, services));
    return this.#look();
  }

  /** Another release's rollout was under way: back to the last proven table, and from there. */
  async #reset(state: TrafficState): Promise<TrafficState> {
    const { table, proven } = state;
    await this.#tell(
      "PREPARING",
      `${table ? tableName(table) : "a rollout"} was under way: from the last proven table`,
    );
    if (table && proven) await this.#switch(state, { ...asMessage(proven), ...expecting(state) });
    return this.#look();
  }

  /** Lets the router ask each target for its health at this release. */
  async #prove(targets: Readonly<Record<string, string>>): Promise<void> {
    const { release, strategy } = this.#wanted;
    const ids = Object.keys(targets);
    if (ids.length === 0) return;
    await this.#tell("HEALTH_VALIDATION", `the router asks ${amount(ids.length, "revision")}`);
    await this.#around.router.prove(release, targets);
    const of = (state: TrafficState, id: string) => {
      const proof = state.proofs[id];
      return proof?.release === release && proof.revision === targets[id] ? proof : undefined;
    };
    for (let left = strategy.healthCheckTimeout * 1000; ; left -= PROOF_MS) {
      const state = await this.#look();
      const open = ids.filter((id) => of(state, id)?.status !== "proven");
      if (open.length === 0) return;
      const refused = open.filter((id) => of(state, id)?.status === "refused");
      if (refused.length > 0 || left <= 0) {
        this.standing.phase = "FAILED";
        throw unproven(open.map((id) => `${id.slice(0, 8)}: ${of(state, id)?.detail ?? "no answer"}`));
      }
      await this.#around.wait(PROOF_MS);
    }
  }

  async #walk(steps: readonly Step[], first: TrafficState): Promise<void> {
    let [state, at] = [first, resumeAt(first, this.#wanted, steps)];
    if (at !== undefined) await this.#tell("TRAFFIC_SWITCHING", `goes on at ${stepName(steps, at.step)}`);
    const waits = at && stillWaits(state, steps, at, this.#wanted);
    if (waits) throw this.#held(waits, state.table?.reason ?? "");
    // One that begins anew has every step judged again.
    if (at === undefined) this.standing.promoted = [];
    at ??= { step: 0, inconclusive: 0, errors: 0 };
    // Who promoted a waiting step has waited long enough.
    let promoted = commandOf(state) === "promote" && state.table?.mode === "held";
    for (;;) {
      const step = steps[at.step] as Step;
      if (!promoted) state = await this.#watch(steps, at, state, step);
      const verdict = await this.#judge(state, at);
      crashPoint("traffic.judged");
      // A person may have spoken while it was measured.
      state = await this.#look();
      this.#assertOurs(state, at);
      const command = commandOf(state);
      const next = decide(this.#wanted.strategy, steps, at, verdict, command);
      promoted = false;
      const isPast = next.move.kind === "finish" || next.move.kind === "step";
      if (isPast && verdict.outcome !== "pass")
        this.#overruled(state, at, step, verdict.outcome, verdict.text);
      if (next.move.kind === "finish") return this.#finish(state, next.move.by, step);
      if (next.move.kind === "hold") return this.#hold(state, next.move);
      if (next.move.kind === "back") return this.#back(state, next.move.reason);
      if (next.move.kind === "watch")
        await this.#tell(this.standing.phase, `watches on: ${next.move.reason}`);
      at = next.at;
    }
  }

  /** Gives green its share under a lease, and lets the interval pass. Ends early when a person says so. */
  async #watch(steps: readonly Step[], at: Position, from: TrafficState, step: Step): Promise<TrafficState> {
    const services = servicesAt(this.#wanted, step);
    const { leaseSeconds } = this.#wanted.strategy;
    const slack = leaseSeconds === undefined ? this.#around.slackMs : leaseSeconds * 1000;
    const forMs = Math.max(1000, Math.round(step.intervalSeconds * 1000 + slack));
    const message = messageOf(this.#wanted, at.step + 1, services);
    const { proven } = from;
    if (!proven) throw taken("there is no proven table");
    const phase = phaseAt(steps, at.step);
    this.standing.phase = phase;
    const isHanded = handings(this.#wanted.services, proven, message).length > 0;
    const lease = { forMs, revertTo: proven.release, ...(isHanded ? { onEnd: "hold" as const } : {}) };
    await this.#switch(from, { ...message, ...expecting(from), lease });
    crashPoint("traffic.set");
    await this.#tell(phase, `${stepName(steps, at.step)}: ${weightsText({ services })}`);
    let left = step.intervalSeconds * 1000;
    const slice = Math.max(LOOK_MS, left / 6);
    for (;;) {
      await this.#around.wait(Math.min(left, slice));
      left -= slice;
      const state = await this.#look();
      this.#assertOurs(state, at);
      const command = commandOf(state);
      if (left <= 0 || command === "promote" || command === "pause") return state;
      await this.#tell(phase, `${stepName(steps, at.step)}: ${requestsText(state)}`);
    }
  }

  async #judge(state: TrafficState, { inconclusive }: Position): Promise<Verdict> {
    let verdict: Verdict;
    try {
      const { strategy } = this.#wanted;
      // Every step may be watched so often.
      const looks = stepsOf(strategy).length * strategy.maxInconclusive;
      const isLast = inconclusive + 1 >= strategy.maxInconclusive;
      verdict = judge(strategy.checks, await this.#around.measure.now(state), { looks, isLast });
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      verdict = verdictOf([{ check: "measuring", outcome: "error", text: error.problems[0].what }]);
    }
    this.standing.verdict = `${verdict.outcome}: ${verdict.text}`;
    await this.#tell(this.standing.phase, `verdict ${this.standing.verdict}`);
    return verdict;
  }

  /** A person let a step pass that was not judged good. */
  #overruled(
    { command }: TrafficState,
    at: Position,
    { weightBp }: Step,
    outcome: Promotion["outcome"],
    verdict: string,
  ): void {
    const promotion = { step: at.step + 1, weightBp, by: command?.by ?? "", outcome, verdict };
    this.standing.promoted = [...this.standing.promoted, promotion];
  }

  async #finish(state: TrafficState, letThrough: Approval["letThrough"], { weightBp }: Step): Promise<void> {
    const approval = { letThrough, promoted: [...this.standing.promoted] };
    await this.#settle(state, finalOf(this.#wanted), approvalText(approval, weightBp), letThrough);
  }

  /** The table becomes the steady one. */
  async #settle(
    state: TrafficState,
    services: SetTraffic["services"],
    why: string,
    letThrough?: Approval["letThrough"],
  ): Promise<void> {
    const { release } = this.#wanted;
    const step = state.table?.release === release ? state.table.step + 1 : 1;
    await this.#set({ ...messageOf(this.#wanted, step, services), ...expecting(state) });
    this.standing.letThrough = letThrough;
    crashPoint("traffic.settled");
    await this.#complete(why);
  }

  async #complete(why: string): Promise<void> {
    await this.#look();
    await this.#tell("COMPLETED", `${weightsText(this.standing.table)} (${why})`);
  }

  async #hold(state: TrafficState, move: Extract<Move, { kind: "hold" }>): Promise<void> {
    // Paused by hand it is held already.
    if (state.table && state.table.mode !== "held") {
      const message = { ...asMessage(state.table), ...expecting(state), hold: move.reason.slice(0, 300) };
      await this.#set(message);
    }
    await this.#look();
    throw this.#held(move.why, move.reason);
  }

  #held(why: Extract<Move, { kind: "hold" }>["why"], reason: string): FleetError {
    this.standing.phase = "HELD";
    return waiting(why, reason, weightsText(this.standing.table));
  }

  /** All traffic to the last proven table, by one message. */
  async #back(state: TrafficState, reason: string): Promise<void> {
    await this.#tell("FAILED", reason);
    if (!state.proven) throw taken("there is no proven table");
    await this.#tell("ROLLING_BACK", tableName(state.proven));
    try {
      await this.#switch(state, { ...asMessage(state.proven), ...expecting(state) });
    } catch (error) {
      // The old revision cannot take what was done since: a person decides, and until then nothing of it is lost.
      if (state.table && error instanceof FleetError && error.code === "HANDOVER_FAILED")
        await this.#set({
          ...asMessage(state.table),
          ...expecting(state),
          hold: `the state cannot go back; ${reason}`.slice(0, 300),
        });
      throw error;
    }
    crashPoint("traffic.back");
    await this.#look();
    await this.#tell("ROLLED_BACK", weightsText(this.standing.table));
    throw new FleetError({
      code: "ROLLED_BACK",
      what: "The rollout failed and went back: all traffic is where it was.",
      got: reason,
      expected: "every check passes at every step",
      remedy: "Mend the new version and run pulumi up again; the old revisions serve on.",
    });
  }

  /** Somebody else may have moved the traffic, or the lease may have ended. */
  #assertOurs(state: TrafficState, at: Position): void {
    const ours = { release: this.#wanted.release, step: at.step + 1 };
    if (isSame(state.table, ours)) return;
    const { reverted } = state;
    if (!reverted || !isSame(reverted, ours)) throw taken(state.table ? tableName(state.table) : "no table");
    this.standing.phase = "ROLLED_BACK";
    throw reverted.why === "abort" ? aborted(state) : leaseEnded(state);
  }

  async #look(): Promise<TrafficState> {
    const state = await this.#around.router.look();
    this.standing.table = state.table;
    return state;
  }

  /** A table that gives a service to another process takes the state along, where it owns one; the switch is at one slot. */
  async #switch({ table }: TrafficState, message: SetTraffic): Promise<void> {
    const list = handings(this.#wanted.services, table, message);
    await this.#around.handOver.give(list);
    try {
      await this.#set(message);
    } catch (error) {
      await this.#around.handOver.undo(list);
      throw error;
    }
  }

  /** The router went back by itself: what the new revision did since the switch is in its state, and goes back too. */
  async #followBack(): Promise<void> {
    const { table } = await this.#look();
    if (table) await this.#around.handOver.give(this.#wayBack(table));
  }

  #wayBack(table: Table): Handing[] {
    return handings(this.#wanted.services, messageOf(this.#wanted, 0, finalOf(this.#wanted)), table);
  }

  async #set(message: SetTraffic): Promise<void> {
    const set = await this.#around.router.set(message);
    this.#hasSet = true;
    if (!set.repeated) this.standing.slot = set.slot;
  }

  async #tell(phase: Phase, detail: string): Promise<void> {
    this.standing.phase = phase;
    await this.#around.tell(phase, detail);
  }
}

/** What ended a rollout when the router had gone back already. */
const REVERTED = new Set(["ROLLOUT_ABORTED", "LEASE_ENDED"]);

const stepName = (steps: readonly Step[], step: number): string =>
  `step ${step + 1} of ${steps.length}, ${percent(steps[step]?.weightBp ?? 0)}${steps[step]?.mirror ? " and copies" : ""}`;

const expecting = ({ table, serial }: TrafficState): Pick<SetTraffic, "expect"> =>
  table ? { expect: { release: table.release, step: table.step, serial } } : {};

const asMessage = ({ release, step, salt, services }: Table): SetTraffic => ({
  release,
  step,
  salt,
  services,
});

/** What a person said of the table that is in force. */
function commandOf({ table, command }: TrafficState): TrafficCommand | undefined {
  return isSame(table, command) ? command?.command : undefined;
}

const isForeign = ({ table }: TrafficState, { release }: Wanted): boolean =>
  table !== undefined && table.mode !== "steady" && table.release !== release;

const isSteadyAt = (table: Table | undefined, wanted: Wanted): boolean =>
  table?.mode === "steady" && table.release === wanted.release && isSpreadAs(table, finalOf(wanted));

/** The step that the router is at, when that is one of this release and these steps. */
function resumeAt({ table }: TrafficState, wanted: Wanted, steps: readonly Step[]): Position | undefined {
  if (!table || table.mode === "steady" || table.release !== wanted.release) return undefined;
  const step = steps[table.step - 1];
  if (!step || !isSpreadAs(table, servicesAt(wanted, step))) return undefined;
  return { step: table.step - 1, inconclusive: 0, errors: 0 };
}

/** Why a held step waits on: nobody has said anything about it that would let it go on. */
function stillWaits(
  state: TrafficState,
  steps: readonly Step[],
  at: Position,
  { strategy }: Wanted,
): "gate" | "paused" | "failed" | undefined {
  if (state.table?.mode !== "held") return undefined;
  const command = commandOf(state);
  if (command === "promote" || command === "resume") return undefined;
  if (command === "pause") return "paused";
  if (steps[at.step]?.gate && state.table.reason?.startsWith("a gate")) return "gate";
  const freezes =
    strategy.onFailure === "freeze" || (strategy.onFailure === "rollback" && !strategy.rollbackOnFailure);
  return freezes && state.table.reason?.includes(" fails: ") ? "failed" : undefined;
}

function unproven(reasons: readonly string[]): FleetError {
  return new FleetError({
    code: "TARGET_UNPROVEN",
    what: "A new revision did not prove its health to the router: no traffic was switched.",
    got: reasons.join("; "),
    expected: "HEALTHY, with the code of this release",
    remedy: "npx fleet logs shows what it did; mend it and run pulumi up again.",
  });
}

const CODES = {
  gate: "GATE",
  paused: "PAUSED",
  inconclusive: "HELD",
  error: "HELD",
  failed: "HELD",
} as const;

function waiting(why: keyof typeof CODES, reason: string, weights: string): FleetError {
  return new FleetError({
    code: CODES[why],
    what: `The rollout waits: ${why === "gate" ? "a gate wants a person" : why === "paused" ? "somebody paused it" : "it could not be judged good"}.`,
    got: `${weights}; ${reason}`,
    expected: "fleet promote, or fleet abort",
    remedy:
      why === "paused"
        ? `npx fleet resume, then pulumi up ${GOES_ON}; npx fleet abort sends all traffic back.`
        : `npx fleet promote, then pulumi up ${GOES_ON}; npx fleet abort sends all traffic back.`,
  });
}

function aborted({ command }: TrafficState): FleetError {
  return new FleetError({
    code: "ROLLOUT_ABORTED",
    what: "Somebody aborted the rollout: all traffic is where it was.",
    ...(command === undefined ? {} : { got: `abort by ${command.by}` }),
    remedy: "Run pulumi up to begin it again.",
  });
}

function leaseEnded({ reverted }: TrafficState): FleetError {
  return new FleetError({
    code: "LEASE_ENDED",
    what: "The router went back by itself: this run did not renew its lease in time. All traffic is where it was.",
    ...(reverted === undefined ? {} : { got: `step ${reverted.step}` }),
    remedy:
      "Run pulumi up to begin the rollout again; raise leaseSeconds of the strategy if the network is slow.",
  });
}

function taken(by: string): FleetError {
  return new FleetError({
    code: "TRAFFIC_TAKEN",
    what: "The router's table was changed by somebody else while this rollout went on.",
    got: by,
    expected: "the table that this run set",
    remedy: "Look at npx fleet status, then run pulumi up again.",
  });
}
