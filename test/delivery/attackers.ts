/**
 * Whole rollouts under attack, by seeded trials: callers with their own wallets, attackers with many, a router's figures of them, and the
 * judge. `node test/delivery/attackers.ts [rollouts] [seed] [start of the names]` prints the table of docs/concepts/rollouts.md.
 */
import type { Compared, Comparisons, Question } from "../../src/delivery/comparison.ts";
import { judge } from "../../src/delivery/judge.ts";
import { decide, type Position } from "../../src/delivery/machine.ts";
import { questionsFor } from "../../src/delivery/questions.ts";
import { sumOfSenders } from "../../src/delivery/senders.ts";
import { stepsOf } from "../../src/delivery/steps.ts";
import { ALL_TRAFFIC_BP, StrategySchema, type TrafficStrategy } from "../../src/delivery/strategy.ts";
import { rngOf } from "../simnet/rng.ts";
import { Figures, type Person, type Result } from "./attack-figures.ts";

/**
 * `none`: nobody attacks · `loud`: new wallets send 40 bad requests each in an interval · `patient`: wallets that were served before do · `green`: new
 * wallets chosen offline so that all of them get green · `slow`: the same with requests that take long · `praise`: wallets that were
 * served before send good requests to green · `spoil`: they send bad ones to blue · `alone`: new wallets send good requests while nobody else calls ·
 * `exploit`: wallets that were served before, and a tenth as many new ones with green, send what a stricter release refuses on purpose · `cover`: as
 * many known as new wallets send as many good requests as ones that both revisions refuse · `unpushed`: new wallets send requests that
 * never reach green · `flood`: a wallet keeps green so busy that all its answers are late
 */
export type Attack =
  | "none"
  | "loud"
  | "patient"
  | "green"
  | "slow"
  | "praise"
  | "spoil"
  | "alone"
  | "exploit"
  | "cover"
  | "unpushed"
  | "flood";
/**
 * `good`: the same code · `stricter`: good, and refuses on purpose what only attackers ask for · `broken`: a fifth of the kinds of requests fail ·
 * `refusing`: they are refused · `flaky`: a fifth of all requests fail by chance · `dead`: all fail · `late`: takes twice as long
 */
export type Release = "good" | "stricter" | "broken" | "refusing" | "flaky" | "dead" | "late";

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
  /** Callers that were served before the rollout; a quarter as many come during it. @default 240 */
  readonly honest?: number;
  /** When attackers that were served before came: later than all others, at any time, or earlier. @default "among" */
  readonly standing?: "after" | "among" | "before";
}

/** Requests of an honest caller in an interval, on average; of an attacker. */
const [REQUESTS, LOUD] = [3, 40];
/** Shares: faults by chance, in both revisions; requests that both refuse. */
const [NOISE, REFUSED] = [0.01, 0.1];
const CHECKS = [{ kind: "health" }, { kind: "errorRate" }, { kind: "refusals" }, { kind: "latency" }];

/**
 * What green's process reports: everybody in a trial is a stranger to the fleet, and their faults decide in no health check of a rollout, however many
 * they are (`test/processes/state.test.ts`).
 */
const health = { status: "HEALTHY", reasons: [] };

/** Attacks by wallets that were served before; and by wallets that all have green. */
const KNOWN: readonly Attack[] = ["patient", "praise", "spoil", "exploit", "cover"];
const GROUND: readonly Attack[] = ["green", "slow", "praise", "unpushed"];

/** One rollout, by the rules of `RolloutRun`. */
class Rollout {
  readonly #next: () => number;
  readonly #trial: Trial;
  readonly #people: Person[];

  constructor(next: () => number, trial: Trial) {
    this.#next = next;
    this.#trial = trial;
    const { attack, wallets, honest = 240, standing = "among" } = trial;
    const person = (id: string, known: boolean, isAttacker: boolean, isGround = false): Person => ({
      ...{ id, known, isAttacker },
      since: next() + (isAttacker ? { after: 1, among: 0, before: -1 }[standing] : 0),
      bucket: isGround ? next() / 100 : next(),
    });
    const of = (n: number, start: string, known: boolean, isGround = false) =>
      Array.from({ length: n }, (_, i) => person(`x${start}${i}`, known, true, isGround));
    const [isKnown, isGround] = [KNOWN.includes(attack), GROUND.includes(attack)];
    const bad = attack === "none" ? [] : of(wallets, "", isKnown, isGround);
    if (attack === "exploit") bad.push(...of(Math.ceil(wallets / 10), "new", false, true));
    if (attack === "cover") bad.push(...of(wallets, "new", false));
    const good = Array.from({ length: Math.floor(1.25 * honest) }, (_, i) =>
      person(`p${i}`, i < honest, false),
    );
    // Attackers come first, to take the places of new callers.
    this.#people = [...bad, ...good];
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
        wasServed: (this.#trial.honest ?? 1) > 0,
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
    const isFlooded = attack === "flood" && isGreen;
    const ms = this.#takes() * (isGreen && release === "late" ? 2 : 1) * (isFlooded ? 20 : 1);
    const isBad = isAttacker && !isBefore;
    const bad = isBad ? this.#attack(topic, ms, isGreen) : undefined;
    if (bad !== undefined) return bad;
    const would = isFlooded ? "unknown" : isGreen && release === "late" ? "differs" : "same";
    const isKind = (release === "broken" || release === "refusing") && topic < 0.2;
    const isDamaged = isGreen && (release === "dead" || isKind || (release === "flaky" && next() < 0.2));
    // Whoever praises avoids what is broken.
    if (isDamaged && !(isBad && release !== "dead")) {
      const outcome = release === "refusing" ? "refused" : "errors";
      return { outcome, ms, would: release === "flaky" && next() >= 0.2 ? "unknown" : "differs" };
    }
    if (topic > 1 - REFUSED) return { outcome: "refused", ms, would: "same" };
    if (next() < NOISE) return { outcome: "errors", ms, would: "unknown" };
    return { outcome: "answered", ms, would };
  }

  /** What becomes of an attacker's request; undefined if it is like anybody's. */
  #attack(topic: number, ms: number, isGreen: boolean): Result | undefined {
    switch (this.#trial.attack) {
      case "slow":
        return { outcome: "answered", ms: ms * 20, would: "same" };
      case "exploit":
        return isGreen
          ? { outcome: "refused", ms, would: "differs" }
          : { outcome: "answered", ms, would: "same" };
      case "unpushed":
        return isGreen ? { outcome: "errors", ms, would: "unknown" } : undefined;
      case "cover":
        return topic < 0.5 ? { outcome: "refused", ms, would: "same" } : undefined;
      case "praise":
      case "alone":
      case "flood":
        return undefined;
      default:
        return { outcome: topic < 0.5 ? "errors" : "refused", ms, would: "same" };
    }
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

const ATTACKS: readonly Attack[] = ["loud", "patient", "green", "slow", "cover"];

/** Whether a release should go through. */
export const isGood = (release: Release): boolean => release === "good" || release === "stricter";

function attacksOn(release: Release): readonly Attack[] {
  if (release === "stricter") return ["exploit"];
  return release === "good" ? ATTACKS : [...ATTACKS, "praise", "spoil"];
}

/** Every trial of the table. */
export function trials(strategy: TrafficStrategy): Trial[] {
  const releases: readonly Release[] = ["good", "stricter", "broken", "refusing", "flaky", "dead", "late"];
  return releases.flatMap((release): Trial[] => [
    { strategy, release, attack: "none", wallets: 0 },
    ...attacksOn(release).flatMap((attack) =>
      [1, 10, 100].map((wallets) => ({ strategy, release, attack, wallets })),
    ),
    ...(release === "good" || release === "late"
      ? [{ strategy, release, attack: "flood" as const, wallets: 1 }]
      : []),
  ]);
}

if (import.meta.main) {
  const [rollouts, seed, wanted = ""] = process.argv.slice(2);
  for (const strategy of ["CANARY", "INSTANT"] as const)
    for (const blue of ["asked", "older", "silent"] as const)
      for (const trial of trials(strategy)) {
        const { release, attack, wallets } = trial;
        const name = `${strategy} | ${blue} | ${release} | ${attack} | ${wallets}`;
        if (!name.startsWith(wanted)) continue;
        const { through, back, held } = ends({ ...trial, blue }, Number(rollouts ?? 100), Number(seed ?? 29));
        console.log(`${name} | ${through} / ${back} / ${held}`);
      }
}
