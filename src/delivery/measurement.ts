import type { RevisionMetrics } from "./wire.ts";

/** What a revision said of its health, or why it could not be asked. */
export type HealthMeasured =
  | { readonly status: string; readonly reasons: readonly string[] }
  | { readonly problem: string };

/** Probes of the deployer itself, sent to green when its callers are too few: how many came back as they should. */
export interface Probes {
  readonly sent: number;
  readonly failed: number;
  /** Why the first of the failed ones did. */
  readonly reason?: string | undefined;
  /** Whether they were messages that the service declares; otherwise they asked for `Info` and say nothing of its work. @default false */
  readonly declared?: boolean | undefined;
}

/** A declared probe's answer: which expected members differ, or why there is none. */
export type ProbeMeasured = { readonly differences: readonly string[] } | { readonly problem: string };

/** A value that has to be kept, or why there is none. */
export type Kept = { readonly value: unknown } | { readonly problem: string };

/** An invariant's values: of the old revision before traffic moved, of the new one now. */
export interface InvariantMeasured {
  readonly before: Kept;
  readonly after: Kept;
}

/** One service in one interval: the new revision beside the old one, measured at the same time. */
export interface ServiceMeasured {
  readonly green: RevisionMetrics;
  /** Green's name and the beginning of its process id, as `token@1a2b3c4d`. @default none */
  readonly revision?: string | undefined;
  /** How long one interval of its step is: a request that is open for longer is not simply under way. @default any age is young */
  readonly intervalMs?: number | undefined;
  /** How long green's figures were counted, by the scheduler's time. */
  readonly ms?: number | undefined;
  /** Of the old revision; none when it had no share and nothing is known of before. */
  readonly blue?: RevisionMetrics | undefined;
  /** Whether blue was measured at the same time, and not in the step before, when it had everything. @default false */
  readonly beside?: boolean | undefined;
  readonly health?: HealthMeasured | undefined;
  readonly probes?: Probes | undefined;
}

/** All that one judgement knows. */
export interface Measurement {
  /** Services that have a new revision, by name. */
  readonly services: Readonly<Record<string, ServiceMeasured>>;
  /** Declared probes by name. */
  readonly probes?: Readonly<Record<string, ProbeMeasured>>;
  /** Invariants by name. */
  readonly invariants?: Readonly<Record<string, InvariantMeasured>>;
}

/** A revision that nobody asked anything. */
export const UNSEEN: RevisionMetrics = { requests: 0, answered: 0, errors: 0, refused: 0, latencies: [] };

/** Requests that came to an end. */
export const ended = ({ answered, errors, refused }: RevisionMetrics): number => answered + errors + refused;
