/**
 * Whole rollouts under attack, by seeded trials: callers with their own wallets, attackers with many, a router's figures of them, and the
 * judge. `node test/delivery/attackers.ts [rollouts] [seed]` prints the table of docs/concepts/rollouts.md.
 */
import type { CallerMetrics } from "../../src/delivery/caller-figures.ts";
import type { Compared, Comparisons, Question } from "../../src/delivery/comparison.ts";
import { judge } from "../../src/delivery/judge.ts";
import { decide, type Position } from "../../src/delivery/machine.ts";
import { questionsFor } from "../../src/delivery/questions.ts";
import { sumOfSenders } from "../../src/delivery/senders.ts";
import { stepsOf } from "../../src/delivery/steps.ts";
import { ALL_TRAFFIC_BP, StrategySchema, type TrafficStrategy } from "../../src/delivery/strategy.ts";
import type { RevisionMetrics } from "../../src/delivery/wire.ts";
import { rngOf } from "../simnet/rng.ts";

/**
 * `none`: nobody attacks · `loud`: new wallets send 40 bad requests each in an interval · `patient`: wallets that were served before do · `green`: new
 * wallets chosen offline so that all of them get green · `slow`: the same with requests that take long · `praise`: wallets that were
 * served before send good requests to green · `spoil`: they send bad ones to blue · `alone`: new wallets send good requests while nobody else calls
 */
export type Attack = "none" | "loud" | "patient" | "green" | "slow" | "praise" | "spoil" | "alone";
/** `good`: the same code · `broken`: a fifth of the kinds of requests fail · `flaky`: a fifth of all requests fail by chance · `dead`: all fail · `late`: takes twice as long */
export type Release = "good" | "broken" | "flaky" | "dead" | "late";

export type Blue = "asked" | "older" | "silent";

export interface Trial {
  readonly strategy: TrafficStrategy;
  readonly release: Release;
  readonly attack: Attack;
  readonly wallets: number;
  /**
   * `asked`: blue answers dry runs with the state that green has · `older`: with the state of the switch, and attackers know requests that
   * green then refuses and blue does not · `silent`: no dry run is possible. @default "asked"
   */
  readonly blue?: Blue;
}

/** Callers that were served before the rollout, and those who come during it. */
const [HONEST, NEWCOMERS] = [240, 60];
/** Requests of an honest caller in an interval, on average; of an attacker. */
const [REQUESTS, LOUD] = [3, 40];
/** Shares: faults by chance, in both revisions; requests that both refuse. */
const [NOISE, REFUSED] = [0.01, 0.1];
const PLACES = 128;
const CHECKS = [{ kind: "health" }, { kind: "errorRate" }, { kind: "refusals" }, { kind: "latency" }];

interface Person {
  readonly id: string;
  readonly known: boolean;
  /** From 0 to 1: who is below green's share gets green. */
  readonly bucket: number;
  readonly isAttacker: boolean;
}

type Outcome = "answered" | "errors" | "refused";
interface Result {
  readonly outcome: Outcome;
  readonly ms: number;
  /** What a comparison with blue would find, if the request counts against green. */
  readonly would: Compared;
}

/**
 * What green's process reports: everybody in a trial is a stranger to the fleet, and their faults decide in no health check of a rollout, however many
 * they are (`test/processes/state.test.ts`).
 */
const health = { status: "HEALTHY", reasons: [] };

/** A revision's figures since its step began, as the router keeps them. */
class Figures {
  readonly #callers = new Map<string, CallerMetrics>();
  readonly #places = { known: 0, new: 0 };
  readonly #sum = { requests: 0, answered: 0, errors: 0, refused: 0 };
  readonly #latencies: number[] = [];
  /** By caller and kind: what a comparison of its latest request would find. */
  readonly would: Record<Question["kind"], Map<string, Compared>> = {
    fault: new Map(),
    refusal: new Map(),
    slow: new Map(),
  };

  add({ id, known }: Person, { outcome, ms, would }: Result): void {
    this.#sum.requests += 1;
    this.#sum[outcome] += 1;
    this.#latencies[(this.#sum.requests - 1) % 256] = ms;
    const own = this.#callers.get(id) ?? this.#place(id, known);
    if (own === undefined) return;
    own.requests += 1;
    own[outcome] += 1;
    own.ms[(own.requests - 1) % 8] = ms;
    own.slot = 1;
    this.would.slow.set(id, would);
    if (outcome === "answered") return;
    const kind = outcome === "errors" ? "fault" : "refusal";
    own[kind] = { slot: 1, code: "X" };
    this.would[kind].set(id, would);
  }

  #place(id: string, known: boolean): CallerMetrics | undefined {
    const group = known ? "known" : "new";
    if (this.#places[group] >= PLACES) return undefined;
    this.#places[group] += 1;
    const counts = {
      requests: 0,
      answered: 0,
      errors: 0,
      refused: 0,
      draining: 0,
      earlier: 0,
      busy: 0,
      limited: 0,
    };
    const made: CallerMetrics = { id, known, ...counts, ms: [], open: [] };
    this.#callers.set(id, made);
    return made;
  }

  get metrics(): RevisionMetrics {
    return { ...this.#sum, latencies: this.#latencies, open: [], callers: [...this.#callers.values()] };
  }
}

/** One rollout, by the rules of `RolloutRun`. */
class Rollout {
  readonly #next: () => number;
  readonly #trial: Trial;
  readonly #people: Person[];

  constructor(next: () => number, trial: Trial) {
    this.#next = next;
    this.#trial = trial;
    const person = (id: string, known: boolean, isAttacker: boolean): Person => ({
      ...{ id, known, isAttacker },
      bucket: isAttacker && this.#isGround ? next() / 100 : next(),
    });
    const { attack, wallets } = trial;
    const isKnown = attack === "patient" || attack === "praise" || attack === "spoil";
    const bad = Array.from({ length: attack === "none" ? 0 : wallets }, (_, i) =>
      person(`x${i}`, isKnown, true),
    );
    const good = Array.from({ length: HONEST + NEWCOMERS }, (_, i) => person(`p${i}`, i < HONEST, false));
    // Attackers come first, to take the router's places.
    this.#people = [...bad, ...good];
  }

  get #isGround(): boolean {
    return this.#trial.attack === "green" || this.#trial.attack === "slow" || this.#trial.attack === "praise";
  }

  run(): "through" | "back" | "held" {
    const strategy = StrategySchema.parse({
      ...{ kind: "blue-green", trafficStrategy: this.#trial.strategy, checks: CHECKS },
    });
    const steps = stepsOf(strategy);
    const looks = steps.length * strategy.maxInconclusive;
    let before = new Figures();
    for (let i = 0; i < 3; i += 1) this.#interval(0, new Figures(), before, true);
    let [green, blue] = [new Figures(), new Figures()];
    for (let at: Position = { step: 0, inconclusive: 0, errors: 0 }; ; ) {
      const share = (steps[at.step]?.weightBp ?? 0) / ALL_TRAFFIC_BP;
      this.#interval(share, green, blue, false);
      const now = share < 1;
      const old = (now ? blue : before).metrics;
      const served = sumOfSenders([before.metrics, now ? blue.metrics : undefined]);
      const battle = {
        green: green.metrics,
        blue: old,
        isBlueCurrent: now,
        served,
        wasServed: true,
        intervalMs: 60_000,
        ms: 60_000,
        health,
      };
      const compared = this.#compared(green, questionsFor(strategy.checks, battle, this.#next));
      const isLast = at.inconclusive + 1 >= strategy.maxInconclusive;
      const verdict = judge(
        strategy.checks,
        { services: { battle: { ...battle, compared } } },
        { looks, isLast },
      );
      const { move, at: to } = decide(strategy, steps, at, verdict);
      at = to;
      if (move.kind === "finish") return "through";
      if (move.kind === "back") return "back";
      if (move.kind === "hold") return "held";
      if (move.kind === "watch") continue;
      before = now ? blue : before;
      [green, blue] = [new Figures(), new Figures()];
    }
  }

  #compared(green: Figures, questions: readonly Question[]): Comparisons {
    const all: Record<Question["kind"], Record<string, Compared>> = { fault: {}, refusal: {}, slow: {} };
    for (const { kind, caller } of questions)
      all[kind][caller] = this.#found(caller, kind, green.would[kind].get(caller) ?? "unknown");
    return all;
  }

  #found(caller: string, kind: Question["kind"], would: Compared): Compared {
    const { blue = "asked" } = this.#trial;
    if (blue === "silent") return "unknown";
    if (blue === "asked" || kind === "slow") return would;
    const isCrafted = caller.startsWith("x") && would === "same";
    return isCrafted || would === "differs" ? "again" : would;
  }

  #interval(share: number, green: Figures, blue: Figures, isBefore: boolean): void {
    const isSpoiler = this.#trial.attack === "spoil";
    for (const person of this.#people) {
      // New wallets come with the rollout.
      if (isBefore && !person.known) continue;
      if (this.#trial.attack === "alone" && !isBefore && !person.isAttacker) continue;
      const isGreen = person.bucket < share;
      const isBusy = person.isAttacker && !isBefore && (isSpoiler ? !isGreen : true);
      for (let n = isBusy ? LOUD : this.#few(); n > 0; n -= 1)
        (isGreen ? green : blue).add(person, this.#result(person, isGreen, isBefore));
    }
  }

  /** A number around the average, with many at nothing and some far above. */
  #few(): number {
    let n = 0;
    while (this.#next() < REQUESTS / (1 + REQUESTS)) n += 1;
    return n;
  }

  #result({ isAttacker }: Person, isGreen: boolean, isBefore: boolean): Result {
    const { release, attack } = this.#trial;
    const [next, topic] = [this.#next, this.#next()];
    const ms = this.#takes() * (isGreen && release === "late" ? 2 : 1);
    const isBad = isAttacker && !isBefore;
    const isHostile = isBad && attack !== "praise" && attack !== "alone" && attack !== "slow";
    if (isHostile) return { outcome: topic < 0.5 ? "errors" : "refused", ms, would: "same" };
    if (isBad && attack === "slow") return { outcome: "answered", ms: ms * 20, would: "same" };
    const would = isGreen && release === "late" ? "differs" : "same";
    const isDamaged =
      isGreen &&
      (release === "dead" || (release === "broken" && topic < 0.2) || (release === "flaky" && next() < 0.2));
    // Whoever praises avoids what is broken.
    if (isDamaged && !(isBad && release !== "dead"))
      return { outcome: "errors", ms, would: release === "flaky" && next() >= 0.2 ? "unknown" : "differs" };
    if (topic > 1 - REFUSED) return { outcome: "refused", ms, would: "same" };
    if (next() < NOISE) return { outcome: "errors", ms, would: "unknown" };
    return { outcome: "answered", ms, would };
  }

  #takes(): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.#next())) * Math.cos(2 * Math.PI * this.#next());
    return Math.round(200 * Math.exp(0.5 * normal));
  }
}

/** How a number of rollouts end. */
export function ends(trial: Trial, rollouts: number, seed: number) {
  const { next } = rngOf(seed);
  const counts = { through: 0, back: 0, held: 0 };
  for (let n = 0; n < rollouts; n += 1) counts[new Rollout(next, trial).run()] += 1;
  return counts;
}

const ATTACKS: readonly Attack[] = ["loud", "patient", "green", "slow"];
/** Every trial of the table. */
export function trials(strategy: TrafficStrategy): Trial[] {
  const releases: readonly Release[] = ["good", "broken", "flaky", "dead", "late"];
  return releases.flatMap((release): Trial[] => {
    const attacks = release === "good" ? ATTACKS : [...ATTACKS, "praise" as const, "spoil" as const];
    return [
      { strategy, release, attack: "none", wallets: 0 },
      ...attacks.flatMap((attack) => [1, 10, 100].map((wallets) => ({ strategy, release, attack, wallets }))),
    ];
  });
}

if (import.meta.main) {
  const [rollouts, seed] = process.argv.slice(2).map(Number);
  for (const strategy of ["CANARY", "INSTANT"] as const)
    for (const blue of ["asked", "older", "silent"] as const)
      for (const trial of trials(strategy)) {
        const { through, back, held } = ends({ ...trial, blue }, rollouts ?? 100, seed ?? 29);
        const { release, attack, wallets } = trial;
        console.log(
          `${strategy} | ${blue} | ${release} | ${attack} | ${wallets} | ${through} / ${back} / ${held}`,
        );
      }
}
