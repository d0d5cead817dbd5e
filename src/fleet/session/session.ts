import type { Journal } from "../../ao/journal/index.ts";
import type { NetworkRef } from "../../ao/network.ts";
import type { Ao, NetworkEndpoints } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import type { RunRequest } from "./run-request.ts";
import type { Scope } from "./scope.ts";

/** Reads one setting of the stack by its key, secrets opened. Never kept: settings hold the wallet. */
export interface StackSettings {
  get(key: string): string | undefined;
}

/** One run's hold on one network in the name of one stack: of a provider, or of a command. */
export interface Session {
  readonly scope: Scope;
  readonly ao: Ao;
  readonly journal: Journal;
  readonly endpoints: NetworkEndpoints;
  /** Module ids by alias (`aos`), on networks that name some. */
  readonly modules: Readonly<Record<string, string>>;
  readonly networkName: NetworkRef["kind"];
  /** What this run was told. */
  readonly request: RunRequest;
  readonly deployment: Run;
  /** Who deploys, as the ledger is told: the same for every run from this folder. */
  operator(): Promise<string>;
  /** A budget for one resource: its own seconds, cut by what is left of the whole run. */
  budget(seconds: number): Budget;
  /** Whether code may be changed where the state could not be kept before, as the run or the stack says. */
  readonly withoutBackup?: boolean;
  /** Gives up messages of one step that an earlier run left open, all but the one that is sent now. */
  supersede(step: string, intent: string): Promise<void>;
}

/** One AO process of a member. */
interface ProcessRef {
  readonly processId: string;
  readonly generation: number;
}

/**
 * One run that changes a fleet. It has an id from the start and takes the epoch once, at its first change, by
 * compare-and-set on the ledger; every control message of the run carries exactly that epoch.
 */
export interface Run {
  readonly id: string;
  readonly startedAt: Date;
  /** Seconds since the run's first change. */
  seconds(): number;
  /**
   * The run's epoch; 0 while the fleet has no ledger yet. The first caller takes it, the others wait for that one.
   *
   * @throws FleetError DEPLOYMENT_IN_PROGRESS when another operator's run is alive, STALE_EPOCH when one came and went
   *   meanwhile, LEDGER_TAKEN when the very first one was lost
   */
  epoch(): Promise<number>;
  /** As `epoch`, for who needs the ledger: when the run began without one, or on a dead one, and it exists by now, begins on it. */
  ledgerEpoch(): Promise<{ ledger: ProcessRef; epoch: number } | undefined>;
  /**
   * Two operators who do not know of each other may make the first ledger at the same time. The lower id counts; who has the
   * other one retires all that it made and stops.
   *
   * @throws FleetError LEDGER_TAKEN; from then on every `epoch()` of this run does
   */
  assertFirst(ledger: ProcessRef): Promise<void>;
  /** When the first deployment was lost meanwhile, retires a process that was made beside it and throws. */
  assertKept(name: string, one: ProcessRef): Promise<void>;
  /** The ledger's epoch as it is now, without taking one; 0 while there is none. Asked once a run that only looks. */
  currentEpoch(): Promise<number>;
  /**
   * Brings the ledger up to the epoch of a member that is ahead of it, as when somebody raised that one by hand or the ledger
   * was made anew: the next run begins beyond it.
   *
   * @returns whether the ledger was behind
   */
  catchUp(member: ProcessRef, name: string): Promise<boolean>;
  /** The run is written into the ledger as finished. */
  finished(): void;
  /** Gives no sign of life any more; whatever the ledger holds of the run stays. */
  ended(): void;
  /**
   * Writes into the ledger that this run failed, or that its rollout waits for a person (`HELD`): once, and only if that can be done at
   * once. Never throws.
   */
  failed(reason: string, status?: "FAILED" | "HELD"): Promise<void>;
}
