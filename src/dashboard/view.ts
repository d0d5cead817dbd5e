/** The data that the server sends to the page. Times are ISO 8601, durations are milliseconds. */

/** One process, as it reports itself. */
export interface ProcessView {
  readonly name: string;
  readonly processId: string;
  /** HEALTHY, DEGRADED, UNHEALTHY, OFFLINE, RETIRED, or UNKNOWN if it could not answer. */
  readonly health: string;
  readonly version: string;
  /** sha256 of the code that it runs. */
  readonly sourceHash: string;
  readonly generation: number;
  readonly epoch: number | null;
  /** Id of the deployment that loaded it. */
  readonly release: string;
  /** Why it is not healthy, or differs from the last deployment. */
  readonly reasons: readonly string[];
  /** It was not asked: the rest is what it published after the message of this slot and time. `newest`: its newest slot. */
  readonly published?: { readonly slot: number | null; readonly at: string; readonly newest?: number };
  readonly dependsOn: readonly string[];
  /** Name → process id, as the process is wired. */
  readonly peers: Readonly<Record<string, string>>;
  /** Config type → version that it holds. */
  readonly configVersions: Readonly<Record<string, number>>;
  /** The process' own counters; null if it reported none. */
  readonly figures: {
    readonly messages: number;
    readonly errors: number;
    readonly refused: number;
    readonly luaHeapKB: number;
  } | null;
  /** Address of its page in an explorer; null if the network has none. */
  readonly explorer: string | null;
  /** Where its node serves what it publishes; null if nothing is published. */
  readonly node: string | null;
}

/** A line of the history. */
export interface ReleaseView {
  readonly number: number | null;
  readonly deploymentId: string | null;
  readonly at: string;
  readonly kind: string;
  readonly result: string;
  readonly who: string;
  readonly commit: string | null;
  readonly what: string;
  readonly current: boolean;
}

/** How the requests of one service are split. */
interface ServiceView {
  readonly service: string;
  readonly routes: readonly {
    readonly processId: string;
    readonly revision: string;
    /** Basis points: 10,000 is all. */
    readonly weightBp: number;
    readonly requests: number;
    readonly errors: number;
    /** Refused requests, for any reason. */
    readonly refused: number;
    /** Requests without an answer yet. */
    readonly open: number;
    /** 95th percentile of the latest answers; null if there are none. */
    readonly p95Ms: number | null;
  }[];
}

/** The router's table and the state of its rollout. */
export interface TrafficView {
  readonly release: string;
  readonly step: number;
  /** steady, rollout or held. */
  readonly mode: string;
  /** Why it is held, what a person requested, what the router did by itself. */
  readonly notes: readonly string[];
  /** End of the lease. */
  readonly leaseUntil: string | null;
  readonly services: readonly ServiceView[];
}

/** An alert of the fleet's ledger, of another member, or of the monitor. */
export interface AlertView {
  readonly id: string;
  readonly type: string;
  readonly level: string;
  readonly source: string;
  readonly message: string;
  /** OPEN, ACKNOWLEDGED or RESOLVED. */
  readonly state: string;
  readonly raisedAt: string;
  readonly count: number;
}

/** Positions of the graph's boxes and arrows, in pixels. */
export interface GraphView {
  readonly width: number;
  readonly height: number;
  /** Centre of each box. */
  readonly nodes: readonly { readonly name: string; readonly x: number; readonly y: number }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly points: readonly { readonly x: number; readonly y: number }[];
  }[];
}

/** A part of an observation that is empty if it could not be read. */
export type ObservedPart = "traffic" | "alerts" | "releases";

/** A fleet at one moment. */
export interface Observation {
  readonly project: string;
  readonly stack: string;
  readonly network: string;
  readonly processes: readonly ProcessView[];
  readonly releases: readonly ReleaseView[];
  readonly traffic: TrafficView | null;
  readonly alerts: readonly AlertView[];
  /** What could not be read, as text. */
  readonly problems: readonly string[];
  /** The parts that could not be read, or not completely. */
  readonly unread: readonly ObservedPart[];
}

/** An observation with derived data. */
export interface FleetView extends Observation {
  readonly takenAt: string;
  readonly graph: GraphView;
  /** Whether the page may change anything. */
  readonly actions: boolean;
}

/** A message of a process. */
export interface MessageView {
  readonly slot: number;
  readonly id: string;
  readonly at: string | null;
  readonly from: string;
  /** Another sender that the message names without proof. */
  readonly claims?: string;
  /** The process that it was sent to, if it was only assigned to this one. */
  readonly sentTo?: string;
  readonly action: string;
  readonly data: string;
  /** What it printed and sent, or the error. */
  readonly outcome: readonly string[];
  readonly failed: boolean;
  readonly explorer: string | null;
}

/** An entry of a process' audit ring. */
export interface AuditView {
  readonly seq: number;
  readonly at: string;
  readonly from: string;
  readonly action: string;
  readonly outcome: string;
  readonly code: string;
}

/** The differences in one member between two releases. */
export interface DifferenceView {
  readonly name: string;
  readonly changes: readonly { readonly field: string; readonly before: string; readonly after: string }[];
}

/** An action that a person can take on the page. */
export type Action =
  | { readonly kind: "promote" | "pause" | "resume" | "abort" }
  | { readonly kind: "rollback"; readonly to: string; readonly reason: string }
  | { readonly kind: "acknowledge"; readonly alert: string };

/** Provides the dashboard's data and carries out its actions. */
export interface Source {
  observe(): Promise<Observation>;
  /** Messages below the slot `before`, newest first. @throws FleetError if the fleet has no such process */
  messages(process: string, before: number | undefined, limit: number): Promise<readonly MessageView[]>;
  /** Audit entries of a process, newest first. */
  audit(process: string): Promise<readonly AuditView[]>;
  /** Differences between two releases, by deployment id. */
  difference(from: string, to: string): Promise<readonly DifferenceView[]>;
  /** Carries out an action and reports the result line by line. @throws FleetError if it was refused */
  act(action: Action, say: (line: string) => void): Promise<void>;
}
