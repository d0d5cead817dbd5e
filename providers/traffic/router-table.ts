/**
 * The router's table during one rollout: reads and sets it, and moves state along with the traffic. It stores only the rollout's progress.
 */
import { amount } from "../../src/core/amount.ts";
import type { Phase } from "../../src/delivery/index.ts";
import type { SetTraffic, TrafficState } from "../../src/delivery/wire.ts";
import type { HandOver } from "./hand-over.ts";
import type { Measure } from "./measure.ts";
import type { Wanted } from "./plan.ts";
import { targetsUnproven } from "./rollout-errors.ts";
import type { RolloutProgress } from "./rollout-progress.ts";
import { movesAfterRevert, movesBack } from "./rollout-state.ts";
import type { Router } from "./router.ts";
import { stateMoves, stateOwners } from "./state-moves.ts";

/** Milliseconds between two polls while targets are proved. */
const PROOF_MS = 300;

/** The effects that a rollout uses. */
export interface RolloutEffects {
  readonly router: Router;
  readonly measure: Measure;
  /** Moves the state of services along with their traffic. */
  readonly handOver: HandOver;
  /** Waits for some milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** Reports progress. */
  readonly report: (phase: Phase, detail: string) => Promise<void>;
  /** Milliseconds that a lease lasts beyond its interval: the time that the messages of a step may take. */
  readonly slackMs: number;
}

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

  /** Sets a table, and first moves the state of services that change their process. The switch happens at one slot. */
  async switch({ table }: TrafficState, message: SetTraffic): Promise<void> {
    const list = stateMoves(this.#wanted.services, table, message);
    await this.#effects.handOver.transfer(list);
    try {
      await this.set(message);
    } catch (error) {
      await this.#effects.handOver.undo(list);
      throw error;
    }
  }

  /** Repairs what a run that died left: state in a revision that lost its traffic, and a serving process that refuses requests. */
  async recover(state: TrafficState): Promise<void> {
    await this.#effects.handOver.recover(movesAfterRevert(state, this.#wanted));
    await this.#effects.handOver.resumeServing(stateOwners(this.#wanted.services, state.table));
  }

  /** After the router reverted the traffic: moves the state back, with the new revision's changes since the switch. */
  async followBack(): Promise<void> {
    const { table } = await this.read();
    if (table) await this.#effects.handOver.transfer(movesBack(this.#wanted, table));
  }

  /** Has the router ask each target for its health at this release. @throws FleetError TARGET_UNPROVEN */
  async prove(targets: Readonly<Record<string, string>>): Promise<void> {
    const { release, strategy } = this.#wanted;
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
