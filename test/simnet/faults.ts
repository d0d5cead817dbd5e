import type { Call, Endpoint } from "./calls.ts";
import { type Rng, rngOf } from "./rng.ts";

/** A unit's answer, which a fault may rewrite. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The whole answer as a node sent it, whose headers may be damaged. A rewritten answer has none, or a new one. */
  readonly raw?: Buffer;
}

/** The effect on a call. All but `delay` end the matching: the first rule in the order of adding wins. */
export type Fault =
  /** Waits, then continues with the next rules and the unit. Milliseconds. */
  | { readonly kind: "delay"; readonly ms: number | ((call: Call, rng: Rng) => number) }
  /** Answers itself; the unit never sees the call. `retryAfter` in seconds. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string;
      readonly contentType?: string;
      readonly retryAfter?: number;
    }
  /** Never answers: until the client goes away, or for `ms` and then resets. */
  | { readonly kind: "hang"; readonly ms?: number }
  /** Cuts the connection before the unit sees the call. */
  | { readonly kind: "reset" }
  /** The unit does its work, its answer is lost with the connection. */
  | { readonly kind: "loseAnswer" }
  /** The unit does its work, the answer is cut in the middle. */
  | { readonly kind: "cutJson" }
  /** A page of a proxy in front of the unit, with a status that may look fine. */
  | { readonly kind: "html"; readonly status: number; readonly body?: string }
  /** Answers without the unit; undefined passes the call on to the next rules. */
  | {
      readonly kind: "answer";
      readonly with: (call: Call) => Promise<Answer | undefined> | Answer | undefined;
    }
  /** Rewrites the unit's answer; several rewrites apply one after another. */
  | { readonly kind: "rewrite"; readonly with: (answer: Answer, call: Call) => Promise<Answer> | Answer };

/** Selects calls. All given conditions must hold. */
export interface FaultRule {
  /** `mu.spawn` and `mu.message` are `mu.post` by content; "*" is every endpoint. */
  readonly on: Selector | readonly Selector[];
  /** The nth matching calls since the rule was added, from 1. */
  readonly nth?: number | readonly number[];
  /** A share of the matching calls, 0–1, drawn from the seed. */
  readonly share?: number;
  /** At most this often. */
  readonly times?: number;
  readonly match?: (call: Call) => boolean;
  readonly fault: Fault;
  /** For the log. */
  readonly name?: string;
}

export type Selector = Endpoint | "mu.spawn" | "mu.message" | "*";

/** Rules to start with. */
export interface FaultScript {
  /** Default 1. */
  readonly seed?: number;
  readonly rules?: readonly FaultRule[];
}

/** A fault that was applied. */
export interface Injected {
  readonly rule: string;
  readonly kind: Fault["kind"];
  readonly endpoint: Endpoint;
  readonly n: number;
  readonly processId?: string;
  readonly messageId?: string;
}

/** Removes a rule. */
export type Remove = () => void;

interface Armed {
  readonly rule: FaultRule;
  seen: number;
  used: number;
}

/** The active rules, the draws and the record of applied faults. Pure: it decides, the proxy acts. */
export class Faults {
  readonly #rng: Rng;
  #armed: Armed[] = [];
  readonly #counts = new Map<Endpoint, number>();
  readonly injected: Injected[] = [];

  constructor(script: FaultScript = {}) {
    this.#rng = rngOf(script.seed ?? 1);
    for (const rule of script.rules ?? []) this.add(rule);
  }

  add(rule: FaultRule): Remove {
    const armed: Armed = { rule, seen: 0, used: 0 };
    this.#armed.push(armed);
    return () => {
      this.#armed = this.#armed.filter((other) => other !== armed);
    };
  }

  /** Removes every rule. */
  clear(): void {
    this.#armed = [];
  }

  /** Counts a call at its endpoint and returns its number, from 1. */
  number(endpoint: Endpoint): number {
    const n = (this.#counts.get(endpoint) ?? 0) + 1;
    this.#counts.set(endpoint, n);
    return n;
  }

  /** The number of calls to an endpoint, or to all. */
  calls(endpoint?: Endpoint): number {
    if (endpoint !== undefined) return this.#counts.get(endpoint) ?? 0;
    return [...this.#counts.values()].reduce((sum, n) => sum + n, 0);
  }

  /** The rules that apply to one call, in order. */
  decide(call: Call): FaultRule[] {
    const rules: FaultRule[] = [];
    for (const armed of this.#armed) {
      if (!this.#hits(armed, call)) continue;
      armed.used += 1;
      rules.push(armed.rule);
      if (ends(armed.rule.fault)) break;
    }
    return rules;
  }

  /** Records that a rule acted on a call. */
  record(rule: FaultRule, call: Call): void {
    this.injected.push({
      rule: rule.name ?? rule.fault.kind,
      kind: rule.fault.kind,
      endpoint: call.endpoint,
      n: call.n,
      ...(call.processId ? { processId: call.processId } : {}),
      ...(call.messageId ? { messageId: call.messageId } : {}),
    });
  }

  get rng(): Rng {
    return this.#rng;
  }

  #hits(armed: Armed, call: Call): boolean {
    const { rule } = armed;
    if (!selects(rule.on, call) || (rule.match && !rule.match(call))) return false;
    armed.seen += 1;
    if (rule.nth !== undefined && ![rule.nth].flat().includes(armed.seen)) return false;
    if (rule.times !== undefined && armed.used >= rule.times) return false;
    // The draw comes last, so that a rule's draws depend only on its own calls.
    return rule.share === undefined || this.#rng.next() < rule.share;
  }
}

function selects(on: FaultRule["on"], call: Call): boolean {
  return [on].flat().some((selector) => {
    if (selector === "*") return true;
    if (selector === "mu.spawn") return call.endpoint === "mu.post" && call.item?.type === "Process";
    if (selector === "mu.message") return call.endpoint === "mu.post" && call.item?.type === "Message";
    return selector === call.endpoint;
  });
}

function ends(fault: Fault): boolean {
  return fault.kind !== "delay" && fault.kind !== "answer" && fault.kind !== "rewrite";
}

/**
 * Ten failures, each with the same part of `share`: 202, 429, 400, 500, 502 with a page, a cut connection, a hang of 1 s, cut
 * JSON, 200 with a page, a lost answer. The 202 is false when it meets a post: nothing was accepted, and its body names no id.
 */
export function anyFault(on: FaultRule["on"], share: number): FaultRule[] {
  const faults: Fault[] = [
    { kind: "status", status: 202, body: '{"message":"Processing"}' },
    { kind: "status", status: 429, retryAfter: 1, body: '{"error":"Too many requests"}' },
    { kind: "status", status: 400, body: "Bad Request" },
    { kind: "status", status: 500, body: "fetch failed" },
    { kind: "html", status: 502 },
    { kind: "reset" },
    { kind: "hang", ms: 1000 },
    { kind: "cutJson" },
    { kind: "html", status: 200 },
    { kind: "loseAnswer" },
  ];
  // One after another, so each sees only what the earlier ones let pass: the shares are corrected for that.
  return faults.map((fault, index) => {
    const each = share / faults.length;
    return {
      on,
      share: each / (1 - each * index),
      fault,
      name: `any:${fault.kind}${"status" in fault ? `-${fault.status}` : ""}`,
    };
  });
}
