import type { Assignment, Effect, EvaluationRecord, ItemRecord, ProcessRecord } from "../types.ts";

/** The state of the units. All calls are synchronous; `atomically` runs its work in a transaction. */
export interface Store {
  atomically<T>(work: () => T): T;
  close(): void;

  /** Small named strings: keys, ports, counters. */
  meta(key: string): string | undefined;
  setMeta(key: string, value: string): void;

  /** Adds an item and its bytes; false if its id already exists. */
  addItem(item: ItemRecord, raw: Uint8Array): boolean;
  item(id: string): ItemRecord | undefined;
  /** The data part of an item. */
  data(id: string): Uint8Array | undefined;
  findItems(query: ItemQuery): { items: (ItemRecord & { cursor: string })[]; hasMore: boolean };
  countItems(query: ItemQuery): number;

  addProcess(process: ProcessRecord): void;
  process(id: string): ProcessRecord | undefined;
  processIds(): string[];

  append(assignment: Assignment): void;
  /** The newest entry of a process' order. */
  lastAssignment(process: string): Assignment | undefined;
  /** The first entry of a message in a process' order. */
  assignment(process: string, message: string): Assignment | undefined;
  /** The oldest entry of any process with this message or assignment id, except the entries of spawns. */
  placed(id: string): Assignment | undefined;
  hasDeepHash(process: string, deepHash: string): boolean;
  assignments(process: string, range: AssignmentRange): Assignment[];

  /** Saves a result with its memory; `memory: undefined` keeps the earlier one. */
  saveEvaluation(
    evaluation: EvaluationRecord,
    memory: MemoryChange | undefined,
    effects: readonly Effect[],
  ): void;
  /** The first evaluation of a message. */
  evaluation(process: string, message: string): EvaluationRecord | undefined;
  /** The evaluation of the entry with that nonce. */
  evaluationAt(process: string, nonce: number): EvaluationRecord | undefined;
  /** Nonce of the newest evaluated entry; -1 if there is none. */
  lastEvaluated(process: string): number;
  evaluations(process: string, query: EvaluationQuery): EvaluationRecord[];
  memory(process: string): Uint8Array | null;

  /** Effects that are still to be pushed, oldest first. */
  effects(limit: number): (Effect & { id: number })[];
  removeEffect(id: number): void;

  setMonitored(process: string, monitored: boolean): void;
  monitored(): string[];
}

/** A process' new memory, and the one that the store has: only what differs is written. */
export interface MemoryChange {
  readonly before: Uint8Array | null;
  readonly after: Uint8Array;
}

export interface ItemQuery {
  readonly ids?: readonly string[];
  readonly owners?: readonly string[];
  readonly recipients?: readonly string[];
  /** All must match; one of the values must match. */
  readonly tags?: readonly {
    readonly name: string;
    readonly values: readonly string[];
    readonly not?: boolean;
  }[];
  readonly minHeight?: number;
  readonly maxHeight?: number;
  /** Hides items that are newer than this, to simulate a lagging index. Milliseconds. */
  readonly until?: number;
  readonly ascending?: boolean;
  readonly after?: string;
  readonly limit: number;
}

export interface AssignmentRange {
  /** Milliseconds, exclusive. */
  readonly from?: number;
  /** Milliseconds, inclusive. */
  readonly to?: number;
  /** Inclusive. */
  readonly fromNonce?: number;
  /** Inclusive. */
  readonly toNonce?: number;
  readonly limit: number;
}

/** A position in a process' results; without `ordinate`, only the time counts. */
export interface EvaluationPoint {
  readonly timestamp: number;
  readonly ordinate?: number;
  readonly cron?: string | null;
}

export interface EvaluationQuery {
  /** Exclusive, in reading direction. */
  readonly from?: EvaluationPoint;
  /** Inclusive, in reading direction. */
  readonly to?: EvaluationPoint;
  readonly descending: boolean;
  readonly limit: number;
}
