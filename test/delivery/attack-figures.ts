/** A revision's figures since its step began, as the router keeps them, and what a comparison of each caller's latest request would find. */
import type { CallerMetrics } from "../../src/delivery/caller-figures.ts";
import type { Compared, Question } from "../../src/delivery/comparison.ts";
import type { RevisionMetrics, SenderMetrics } from "../../src/delivery/wire.ts";

export interface Person {
  readonly id: string;
  readonly known: boolean;
  /** Who has the smallest was answered first. */
  readonly since: number;
  /** From 0 to 1: who is below green's share gets green. */
  readonly bucket: number;
  readonly isAttacker: boolean;
}

export interface Result {
  readonly outcome: "answered" | "errors" | "refused";
  readonly ms: number;
  /** What a comparison with blue would find, if the request counts against green. */
  readonly would: Compared;
}

/** Places for known and for new callers; senders that are reported. */
const [PLACES, SENDERS] = [128, 16];

export class Figures {
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

  add(person: Person, { outcome, ms, would }: Result): void {
    const { id } = person;
    this.#sum.requests += 1;
    this.#sum[outcome] += 1;
    this.#latencies[(this.#sum.requests - 1) % 256] = ms;
    const own = this.#callers.get(id) ?? this.#place(person);
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

  /** Of known callers those of longest standing have a place, of new ones the first. */
  #place({ id, known, since }: Person): CallerMetrics | undefined {
    const group = known ? "known" : "new";
    if (this.#places[group] >= PLACES && !(known && this.#makePlace(since))) return undefined;
    this.#places[group] += 1;
    const none = {
      requests: 0,
      answered: 0,
      errors: 0,
      refused: 0,
      draining: 0,
      earlier: 0,
      busy: 0,
      limited: 0,
    };
    const made: CallerMetrics = { id, known, ...none, ms: [], open: [], ...(known ? { since } : {}) };
    this.#callers.set(id, made);
    return made;
  }

  #makePlace(since: number): boolean {
    let latest: CallerMetrics | undefined;
    for (const each of this.#callers.values())
      if (each.known && (latest === undefined || sinceOf(each) > sinceOf(latest))) latest = each;
    if (latest === undefined || sinceOf(latest) <= since) return false;
    this.#callers.delete(latest.id);
    this.#places.known -= 1;
    return true;
  }

  get metrics(): RevisionMetrics {
    const callers = [...this.#callers.values()];
    const loudest = [...callers].sort((a, b) => b.errors + b.refused - a.errors - a.refused);
    const senders = loudest
      .slice(0, SENDERS)
      .map((one): [string, SenderMetrics] => [one.id, { ...one, latencies: one.ms }]);
    const latencies = [...this.#latencies];
    return { ...this.#sum, latencies, open: [], senders: Object.fromEntries(senders), callers };
  }
}

const sinceOf = ({ since }: CallerMetrics): number => Number(since);
