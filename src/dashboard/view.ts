/** What the dashboard shows: plain data, as it goes to the page. Times are ISO 8601, durations milliseconds. */

/** One process, by its own word. */
export interface ProcessView {
  readonly name: string;
  readonly processId: string;
  /** HEALTHY, DEGRADED, UNHEALTHY, OFFLINE, RETIRED, or UNKNOWN where it could not be heard. */
  readonly health: string;
  readonly version: string;
  /** sha256 of the code that it runs. */
  readonly sourceHash: string;
  readonly generation: number;
  readonly epoch: number | null;
  /** Id of the deployment that loaded it. */
  readonly release: string;
  /** What is not as it should be. */
  readonly reasons: readonly string[];
  readonly dependsOn: readonly string[];
  /** Name → process id, as the process was told. */
  readonly peers: Readonly<Record<string, string>>;
  /** Config type → version that it has. */
  readonly configVersions: Readonly<Record<string, number>>;
  /** Counters of its own; null when it did not say. */
  readonly figures: {
    readonly messages: number;
    readonly errors: number;
    readonly refused: number;
    readonly luaHeapKB: number;
  } | null;
  /** Page of an explorer; null where the network has none. */
  readonly explorer: string | null;
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

/** How the requests of one service are spread. */
interface ServiceView {
  readonly service: string;
  readonly routes: readonly {
    readonly processId: string;
    readonly revision: string;
    /** Basis points: 10,000 is all. */
    readonly weightBp: number;
    readonly requests: number;
    readonly errors: number;
    /** Refused, for whatever reason. */
    readonly refused: number;
    /** Requests without an answer by now. */
    readonly open: number;
    /** Of the latest answers; null without any. */
    readonly p95Ms: number | null;
  }[];
}

/** The router's table, and what is going on with it. */
export interface TrafficView {
  readonly release: string;
  readonly step: number;
  /** steady, rollout or held. */
  readonly mode: string;
  /** Why it is held, what a person said, what the router did by itself. */
  readonly notes: readonly string[];
  /** End of the lease. */
  readonly leaseUntil: string | null;
  readonly services: readonly ServiceView[];
}

/** An alert as the fleet's ledger keeps it. */
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

/** Where the graph's boxes and arrows are, in pixels. */
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

/** What a source knows of a fleet at one moment. */
export interface Observation {
  readonly project: string;
  readonly stack: string;
  readonly network: string;
  readonly processes: readonly ProcessView[];
  readonly releases: readonly ReleaseView[];
  readonly traffic: TrafficView | null;
  readonly alerts: readonly AlertView[];
  /** What could not be found out, in words. */
  readonly problems: readonly string[];
}

/** An observation with what follows from it. */
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
  readonly action: string;
  readonly data: string;
  /** What it printed, sent, or the error. */
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

/** What differs in one member between two releases. */
export interface DifferenceView {
  readonly name: string;
  readonly changes: readonly { readonly field: string; readonly before: string; readonly after: string }[];
}

/** What a person may do from the page. */
export type Action =
  | { readonly kind: "promote" | "pause" | "resume" | "abort" }
  | { readonly kind: "rollback"; readonly to: string; readonly reason: string }
  | { readonly kind: "acknowledge"; readonly alert: string };

/** Where the dashboard gets its data and sends its actions. */
export interface Source {
  observe(): Promise<Observation>;
  /** Newest first, below the slot `before`. Throws FleetError when the process is not of the fleet. */
  messages(process: string, before: number | undefined, limit: number): Promise<readonly MessageView[]>;
  /** Newest first. */
  audit(process: string): Promise<readonly AuditView[]>;
  /** Between two deployment ids. */
  difference(from: string, to: string): Promise<readonly DifferenceView[]>;
  /** Does it and says what came of it, line by line. Throws FleetError when it was refused. */
  act(action: Action, say: (line: string) => void): Promise<void>;
}
