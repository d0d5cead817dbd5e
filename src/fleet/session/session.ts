import type { Journal } from "../../ao/journal/index.ts";
import type { ResolvedNetwork } from "../../ao/network.ts";
import type { Ao } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import type { MemberStep } from "./member-key.ts";
import type { RunRequest } from "./run-request.ts";
import type { Scope } from "./scope.ts";

/** Reads a setting of the stack by its key, with secrets decrypted. Never stored, because settings contain the wallet. */
export interface StackSettings {
  get(key: string): string | undefined;
  /** All values by their full keys, as Pulumi's providers get them: which are secrets is not known there. @default none */
  readonly rawConfig?: Readonly<Record<string, unknown>>;
}

/** A session of one run on one network for one stack, of a provider or a command. */
export interface Session {
  readonly scope: Scope;
  readonly ao: Ao;
  readonly journal: Journal;
  readonly network: ResolvedNetwork;
  /** Module ids by alias (`aos`), on networks with aliases. */
  readonly modules: Readonly<Record<string, string>>;
  /** The request for this run. */
  readonly request: RunRequest;
  readonly deployment: Run;
  /** The operator's name in the ledger: the same for every run from this folder. */
  operator(): Promise<string>;
  /** A budget for one resource: its own seconds, limited by what is left of the whole run. */
  budget(seconds: number): Budget;
  /** Receives notices: steps of a run, lines of a command. @default none */
  readonly note?: (line: string) => void;
  /** Whether code may be changed without a backup of the state, as set by the run or the stack. */
  readonly withoutBackup?: boolean;
  /**
   * Abandons messages that an earlier run left open.
   *
   * @param step @default every step
   * @param intent key of the message that is sent now, and is kept. @default none
   */
  supersede(step?: MemberStep, intent?: string): Promise<void>;
}

/** One AO process of a member. */
interface ProcessRef {
  readonly processId: string;
  readonly generation: number;
}

/**
 * One run that changes a fleet. It has an id from the start and takes the epoch once, at its first change, by
 * compare-and-set on the ledger; every control message of the run contains exactly that epoch.
 */
export interface Run {
  readonly id: string;
  readonly startedAt: Date;
  /** Seconds since the run's first change. */
  seconds(): number;
  /**
   * The run's epoch; 0 while the fleet has no ledger yet. The first call takes it, the others wait for it.
   *
   * @throws FleetError DEPLOYMENT_IN_PROGRESS if another operator's run is alive, STALE_EPOCH if another run took the epoch
   *   meanwhile, LEDGER_TAKEN if another operator's first deployment takes precedence
   */
  epoch(): Promise<number>;
  /** Like `epoch`, with the ledger: if the run began without one, or on a retired one, and a ledger now exists, begins on it. */
  ledgerEpoch(): Promise<{ ledger: ProcessRef; epoch: number } | undefined>;
  /**
   * Two operators may independently create the first ledger at the same time. The lower id takes precedence; the run with the
   * other one retires everything that it created and stops.
   *
   * @throws FleetError LEDGER_TAKEN; from then on every `epoch()` of this run does
   */
  assertFirst(ledger: ProcessRef): Promise<void>;
  /** If another operator's first deployment has taken precedence meanwhile, retires a process that this run created and throws. */
  assertKept(name: string, one: ProcessRef): Promise<void>;
  /** The ledger's current epoch, without taking one; 0 while there is none. Read once per run. */
  currentEpoch(): Promise<number>;
  /**
   * Raises the ledger's epoch to that of a member that is ahead, for example because it was raised manually or the ledger was
   * replaced: the next run begins above it.
   *
   * @returns whether the ledger was behind
   */
  catchUp(member: ProcessRef, name: string): Promise<boolean>;
  /** Stops the heartbeats; from then on `failed` records nothing. The run's entry in the ledger is unchanged. */
  ended(): void;
  /**
   * Records in the ledger that this run failed, or that its rollout waits for a person (`HELD`): once, and only if that is possible
   * without delay. Never throws.
   */
  failed(reason: string, status?: "FAILED" | "HELD"): Promise<void>;
}
