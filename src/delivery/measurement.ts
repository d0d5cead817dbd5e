import type { Comparisons } from "./comparison.ts";
import type { RevisionMetrics, SenderMetrics } from "./wire.ts";

/** A revision's health, or why it could not be read. */
export type HealthMeasured =
  | { readonly status: string; readonly reasons: readonly string[] }
  | { readonly problem: string };

/** Probes that the deployer sends to green if it has too few callers. */
export interface Probes {
  readonly sent: number;
  readonly failed: number;
  /** Why the first failed one failed. */
  readonly reason?: string | undefined;
  /** Whether they were messages that the service declares; otherwise they request `Info` and prove nothing about its work. @default false */
  readonly declared?: boolean | undefined;
}

/** A declared probe's answer: which expected members differ, or why there is none. */
export type ProbeMeasured = { readonly differences: readonly string[] } | { readonly problem: string };

/** The value of an invariant, or why there is none. */
export type InvariantValue = { readonly value: unknown } | { readonly problem: string };

/** An invariant's values: the old revision's before traffic was shifted, and the new revision's now. */
export interface InvariantMeasured {
  readonly before: InvariantValue;
  readonly after: InvariantValue;
}

/** One service in one interval: the new and the old revision, measured at the same time. */
export interface ServiceMeasured {
  readonly green: RevisionMetrics;
  /** Green's name and the start of its process id, such as `token@1a2b3c4d`. @default none */
  readonly revision?: string | undefined;
  /** Whether the step sends green no callers (a share of 0 % without a mirror), so that only probes can tell about it. @default false */
  readonly isUnrouted?: boolean | undefined;
  /** Length of the step's interval: a request that is open for longer may be late. @default no request is late */
  readonly intervalMs?: number | undefined;
  /** How long green's figures were counted, in milliseconds of the scheduler's time. */
  readonly ms?: number | undefined;
  /** The old revision's; none if it has no share and no earlier figures are known. */
  readonly blue?: RevisionMetrics | undefined;
  /** Whether blue was measured at the same time, and not in the previous step, when it had all traffic. @default false */
  readonly isBlueCurrent?: boolean | undefined;
  /** By sender: requests to blue, and to any revision in the step before. @default unknown */
  readonly served?: Readonly<Record<string, SenderMetrics>> | undefined;
  /** Whether the router answered callers of the service before the release. @default only if there are known callers in the figures */
  readonly wasServed?: boolean | undefined;
  /** What blue does with green's failed and slow requests. @default none was compared */
  readonly compared?: Comparisons | undefined;
  readonly health?: HealthMeasured | undefined;
  readonly probes?: Probes | undefined;
}

/** The input of one verdict. */
export interface Measurement {
  /** Services that have a new revision, by name. */
  readonly services: Readonly<Record<string, ServiceMeasured>>;
  /** Declared probes by name. */
  readonly probes?: Readonly<Record<string, ProbeMeasured>>;
  /** Invariants by name. */
  readonly invariants?: Readonly<Record<string, InvariantMeasured>>;
}

/** The figures of a revision without requests. */
export const NO_REQUESTS: RevisionMetrics = {
  requests: 0,
  answered: 0,
  errors: 0,
  refused: 0,
  latencies: [],
};

/** Completed requests. */
export const completedRequests = ({
  answered,
  errors,
  refused,
}: Pick<RevisionMetrics, "answered" | "errors" | "refused">): number => answered + errors + refused;
