import type { Closure, Table } from "./lua.ts";
import type { Script } from "./program.ts";

export interface Tag {
  readonly name: string;
  readonly value: string;
}

/** The process that is evaluated. */
export interface ModelProcess {
  readonly id: string;
  readonly owner: string;
  readonly tags: readonly Tag[];
}

/** One message as the evaluator gets it. */
export interface ModelMessage {
  readonly id: string;
  /** The sender: the signer, or the process if an authority pushed it. */
  readonly from: string;
  /** The signer's address. */
  readonly owner: string;
  readonly tags: readonly Tag[];
  readonly data: string;
  /** The scheduler's time, milliseconds. */
  readonly timestamp: number;
  readonly blockHeight: number;
  /** True if the message was sent to another process and only assigned to this one. */
  readonly assigned?: boolean;
  /** The slot in the process' order, if the unit gives it. */
  readonly slot?: number;
}

/** An entry of the outbox, in aos' form. */
export interface ModelOut {
  readonly Target?: string;
  readonly Anchor: string;
  readonly Data: string;
  readonly Tags: readonly Tag[];
}

/** The result of an evaluation: the shape of aos 2.x on a compute unit. */
export interface ModelResult {
  readonly Output?: {
    readonly data: string;
    readonly prompt: string;
    readonly test?: string;
    readonly print?: boolean;
  };
  readonly Messages: readonly ModelOut[];
  readonly Spawns: readonly ModelOut[];
  readonly Assignments: readonly { readonly Message: string; readonly Processes: readonly string[] }[];
  readonly Error?: string;
  readonly GasUsed: number;
}

/** A process' whole state: plain data. */
export interface ProcessState {
  globals: Table;
  inbox: number;
  reference: number;
  /** Added with `Handlers.add`; `byHand`: into a loaded process. */
  handlers: { name: string; action: string; fn: Closure; byHand: boolean }[];
  script: Script;
  fleet?: FleetState;
}

/** What `src/runtime` keeps. */
export interface FleetState {
  name: string;
  processType: string;
  version: string;
  capabilities: string[];
  release: string;
  sourceHash: string;
  epoch: number;
  status: "INITIALIZING" | "ACTIVE" | "DRAINING" | "RETIRED";
  /** Names of aos handlers. */
  handlers: string[];
  /** The program's own actions. */
  actions: string[];
  /** Whether the program described itself; otherwise its inbox is left alone. */
  declared: boolean;
  plain: boolean;
  configs: Record<string, HeldConfig>;
  configHistory: Record<string, HeldConfig[]>;
  configHighest: Record<string, string | number>;
  peers: Record<string, string>;
  /** name → ids that are peers under it in addition to that one. */
  admitted: Record<string, string[]>;
  router?: string;
  withoutLibrary: string[];
  peersHash: string;
  allowed: string[];
  state: Record<string, unknown>;
  /** The shared tables of lossless states, which an import brought. */
  tables?: readonly unknown[];
  stats: {
    messages: number;
    errors: number;
    refused: number;
    staleEpochs: number;
    byAction: Record<string, number>;
    /** Refusals by their code. */
    refusals: Record<string, number>;
    startedAt: number;
    lastMessageAt: number;
  };
  /** Ids of the latest messages, and of all loads. */
  seen: string[];
  loads: string[];
  audit: AuditEntry[];
  auditSeq: number;
  /** Refusals of senders outside the fleet, by sender; and those of them that are in the audit. */
  refusedSenders: Record<string, { count: number; code: string; at: number }>;
  strangersRefused: number;
  healthChecks: number;
  /** What it published last, where a node serves it. */
  published?: { facts: string; judgedAt: number };
  ledger?: LedgerState;
}

/** One version of a config. */
export interface HeldConfig {
  configData: unknown;
  version: string | number;
  hash: string;
  epoch: number;
  at: number;
  by: string;
  requestedBy?: string;
  rule?: unknown;
  takenBack?: { at: number; by: string };
  cleared?: { at: number; by: string };
}

/** A kind of author with places of its own. */
export type AuthorClass = "operators" | "members" | "others";

/** Who did what, and who was refused; a repeat of the latest of its class, or of any of a refused stranger's, raises its count. */
export interface AuditEntry {
  class: AuthorClass;
  seq: number;
  at: number;
  from: string;
  action: string;
  outcome: "ok" | "refused";
  code?: string;
  count: number;
}

/** What the deployment coordinator keeps in addition. */
export interface LedgerState {
  deployments: Record<string, Deployment>;
  order: string[];
  entries: Record<string, unknown>[];
  registered: Record<string, Record<string, unknown>>;
}

export interface Deployment {
  deploymentId: string;
  epoch: number;
  status: "RUNNING" | "COMPLETED" | "FAILED" | "ROLLED_BACK" | "HELD";
  startedAt: number;
  /** The time of its last message. */
  seenAt: number;
  /** The deployer, if given. */
  operator?: string;
  finishedAt?: number;
  reason?: string;
  request?: unknown;
  manifest?: unknown;
  processes: Record<string, Record<string, unknown>>;
}

/** The value of a tag; the first if it is repeated. */
export function tagOf(tags: readonly Tag[], name: string): string | undefined {
  return tags.find((tag) => tag.name === name)?.value;
}
