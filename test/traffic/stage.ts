/** A rollout on a stage: the reference router, callers who send throughout, and time that passes when the rollout waits. */

import { figuresOf } from "../../providers/traffic/figures.ts";
import { callsOpen, handOverFailed } from "../../providers/traffic/hand-over-messages.ts";
import type { Measure } from "../../providers/traffic/measure.ts";
import { servicesToMove, type Wanted, withProvenBlue } from "../../providers/traffic/plan.ts";
import type { RolloutEffects } from "../../providers/traffic/rollout-effects.ts";
import { RolloutRun } from "../../providers/traffic/rollout-run.ts";
import type { Router } from "../../providers/traffic/router.ts";
import type { StateMove } from "../../providers/traffic/state-moves.ts";
import { unitSlow } from "../../src/ao/errors.ts";
import { FleetError } from "../../src/core/errors.ts";
import {
  NO_REQUESTS,
  type Phase,
  type Promotion,
  type StrategyInput,
  StrategySchema,
} from "../../src/delivery/index.ts";
import { markEvaluated } from "../../src/fleet/protocol/ask.ts";
import { ReferenceRouter, Refused } from "../router/reference.ts";

export const BLUE = "b".repeat(43);
export const GREEN = "g".repeat(43);
export const SHOP_BLUE = "s".repeat(43);
export const SHOP_GREEN = "t".repeat(43);

/** A revision's behaviour. */
export interface Behaviour {
  errorRate?: number;
  latency?: number;
  health?: "HEALTHY" | "UNHEALTHY";
  /** Its health cannot be read. */
  silent?: boolean;
}

/** `battle b→g`, and the buckets of callers if only theirs move. */
const labelOf = ({ name, from, to, keys }: StateMove): string =>
  `${name} ${from[0]}→${to[0]}${keys === undefined ? "" : ` ${keys.from}-${keys.to}`}`;

/** A deployer that was killed. */
export class Killed extends Error {}

export class Stage {
  readonly router = new ReferenceRouter();
  readonly behaviours: Record<string, Behaviour> = {};
  readonly reported: { phase: Phase; detail: string }[] = [];
  /** Requests that each process got since the stage was made. */
  readonly seen: Record<string, number> = {};
  /** State that was handed from one process to another. */
  readonly handed: string[] = [];
  /** Services that got their traffic, and may accept requests from then on. */
  readonly served: string[] = [];
  /** Moves of an earlier run that a run looked at again. */
  readonly confirmed: string[] = [];
  handingFails: boolean | "slowly" | "open" = false;
  /** The process that no state can be handed over to. */
  takesNothing: string | undefined;
  /** What the old revisions answer in a hand-over. */
  answers: "refuses" | "lost" = "refuses";
  /** The process that refuses requests by `refusing`. */
  refusing: string | undefined;
  /** Loses the answers of the next messages that set a table, or the messages themselves. */
  loses: { what: "answers" | "messages"; times: number } | undefined;
  /** Requests per second of each service. */
  rate = 20;
  /** Called before each of the rollout's messages, with its number. */
  before: (message: number, kind: "set" | "read" | "prove") => void = () => {};
  sets = 0;
  #messages = 0;
  #caller = 0;
  #salts = 0;
  #random = 1;

  wanted(strategy: StrategyInput, more: Partial<Wanted> = {}): Wanted {
    return {
      release: "r2",
      services: {
        battle: {
          key: "sender",
          state: "none",
          blue: { processId: BLUE, sourceHash: "old" },
          green: { processId: GREEN, sourceHash: "new" },
        },
      },
      strategy: StrategySchema.parse({ kind: "blue-green", intervalSeconds: 60, ...strategy }),
      ...more,
    };
  }

  /** A steady table of release r1, all to blue. */
  steady(): this {
    const services = {
      battle: { key: "sender", routes: [{ processId: BLUE, revision: "old", weightBp: 10_000 }] },
    };
    this.router.prove("r1", BLUE, "old", "proven");
    this.router.set({ release: "r1", step: 3, salt: "r1", services });
    return this;
  }

  /** Runs the rollout; returns it and its error. */
  async run(
    wanted: Wanted,
    promoted: readonly Promotion[] = [],
  ): Promise<{ rollout: RolloutRun; error: unknown }> {
    const effects: RolloutEffects = {
      router: this.#port(),
      measure: this.#measure(wanted),
      handOver: {
        transfer: async (list) => {
          for (const move of list) this.handed.push(labelOf(move));
          if (this.handingFails && list.length > 0) throw this.#notHanded();
          if (list.some(({ to }) => to === this.takesNothing)) throw this.#notHanded();
          return list.map(({ name, from }) => ({ name, processId: from, state: this.answers }));
        },
        serve: async (list) => {
          for (const { name, to } of list) this.served.push(`${name} ${to[0]}`);
        },
        confirm: async (list) => {
          for (const move of list) this.confirmed.push(labelOf(move));
        },
        refusing: async (list) => list.filter(({ to }) => to === this.refusing),
        resumeServing: async (list) => {
          for (const { name, to } of list) this.served.push(`${name} ${to[0]} again`);
        },
        recover: async (list) => {
          for (const move of list) this.handed.push(`${labelOf(move)} if it drains`);
          if (this.handingFails && list.length > 0) throw this.#notHanded();
        },
        undo: async (list) => {
          for (const { name, from, keys } of list)
            this.handed.push(`${name} ${from[0]} serves on${keys ? ` ${keys.from}-${keys.to}` : ""}`);
          return list.map(({ name, from }) => ({ name, processId: from, state: "serves" as const }));
        },
      },
      wait: async (ms) => this.pass(ms),
      report: async (phase, detail) => {
        this.reported.push({ phase, detail });
      },
      slackMs: 30_000,
      newSalt: () => this.#salt(wanted.release),
    };
    let rollout = new RolloutRun(wanted, effects, promoted);
    try {
      await rollout.run();
      while (rollout.isSuperseding) {
        const services = withProvenBlue(wanted.services, this.router.proven);
        rollout = new RolloutRun({ ...wanted, services }, effects, promoted);
        await rollout.run();
      }
      return { rollout, error: undefined };
    } catch (error) {
      return { rollout, error };
    }
  }

  /** The reported phases, without repetitions. */
  phases(): Phase[] {
    return this.reported.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1]);
  }

  /** Time passes and callers send. */
  pass(ms: number): void {
    const end = this.router.at + ms;
    const gap = this.rate > 0 ? 1000 / this.rate : ms;
    while (this.router.at < end) {
      this.router.tick(Math.min(gap, end - this.router.at));
      if (this.rate > 0)
        for (const name of Object.keys(this.router.table?.services ?? {})) this.#request(name);
    }
  }

  #request(service: string): void {
    this.#caller += 1;
    const id = this.router.route(service, { player: `player-${this.#caller % 5000}` });
    if (id === undefined) throw new Error(`a request to ${service} went nowhere`);
    this.seen[id] = (this.seen[id] ?? 0) + 1;
    const { errorRate = 0, latency = 100 } = this.behaviours[id] ?? {};
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    const outcome = this.#random / 2 ** 32 < errorRate ? "errors" : "answered";
    this.router.count(service, id, outcome, latency + (this.#caller % 20));
  }

  /** Not random, so that the same callers get green in each run of a test. */
  #salt(release: string): string {
    this.#salts += 1;
    return this.#salts === 1 ? release : `${release}-${this.#salts}`;
  }

  #port(): Router {
    const message = (kind: "set" | "read" | "prove") => {
      this.#messages += 1;
      this.before(this.#messages, kind);
      // A message takes its time.
      this.pass(200);
    };
    return {
      read: async () => {
        message("read");
        return this.router.state();
      },
      readCallers: async () => this.router.state(),
      set: async (table) => {
        message("set");
        this.sets += 1;
        const lost = this.#loses();
        if (lost === "messages") throw unitSlow("messenger unit", "http://mu", 1000);
        try {
          const set = this.router.set(table);
          if (lost === "answers") throw unitSlow("compute unit", "http://cu", 1000);
          return { ...set, at: this.router.at, slot: this.sets };
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          throw markEvaluated(
            new FleetError({ code: error.code, what: `refused: ${error.code}`, remedy: "none" }),
          );
        }
      },
      prove: async (release, targets) => {
        message("prove");
        for (const [id, revision] of Object.entries(targets)) {
          const isBad = this.behaviours[id]?.health === "UNHEALTHY";
          this.router.prove(
            release,
            id,
            revision,
            isBad ? "refused" : "proven",
            isBad ? "it is UNHEALTHY" : undefined,
          );
        }
      },
    };
  }

  #notHanded(): FleetError {
    if (this.handingFails === "open") return handOverFailed("battle", callsOpen("battle", 30), []);
    const transient = this.handingFails === "slowly";
    return new FleetError({ code: "HANDOVER_FAILED", what: "no", remedy: "none" }, { transient });
  }

  #loses(): "answers" | "messages" | undefined {
    if (this.loses === undefined || this.loses.times === 0) return undefined;
    this.loses.times -= 1;
    return this.loses.what;
  }

  #measure(wanted: Wanted): Measure {
    const now: Measure["now"] = async (state) => ({
      services: Object.fromEntries(
        servicesToMove(wanted).map((name) => {
          const id = wanted.services[name]?.green.processId ?? "";
          const { health = "HEALTHY", silent } = this.behaviours[id] ?? {};
          const figures = figuresOf(wanted, name, state);
          const said = silent ? { problem: "no answer" } : { status: health, reasons: [] };
          return [name, { ...figures, green: figures.green ?? NO_REQUESTS, health: said }];
        }),
      ),
    });
    return { begin: async () => {}, now };
  }
}
