import type { Problem } from "../../core/errors.ts";
import type { TrafficState } from "../../delivery/wire.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";
import type { LostMessages } from "./lost-messages.ts";
import type { Traffic } from "./stack.ts";

/** State that a rollback loses because it cannot be saved first, with the code by which a deployment stops for it. */
export interface UnsavedState {
  readonly code: "BACKUP_FAILED" | "STATE_IN_CODE" | "STATE_NOT_COMPARED";
  /** What is lost, for display. */
  readonly text: string;
}

/** What a rollback does with one member. */
export interface MemberPlan {
  readonly name: string;
  /**
   * `in-place`: loads the earlier code and migrates the state down · `with-state`: loads the earlier code with its saved state ·
   * `warm`: sends callers back to a process that still runs that code · `next`: creates a process with that code next to the one that
   * serves · `settings`: the code is the same · `new`: the member no longer runs and is created again · `same`: untouched ·
   * `left-running`: added after that release; left running, not wired
   */
  readonly kind: "in-place" | "with-state" | "warm" | "next" | "settings" | "new" | "same" | "left-running";
  readonly processId?: string;
  /** AO process id of the warm revision that runs the earlier code. */
  readonly warm?: string;
  /** The warm revision is draining: it refuses requests until its state is handed back. */
  readonly drains?: boolean;
  /** The present state is in the process that serves, and must be handed over. */
  readonly carries?: boolean;
  /** Version and code that run now, and after the rollback. */
  readonly from?: { readonly version: string; readonly sourceHash: string };
  readonly to?: { readonly version: string; readonly sourceHash: string };
  readonly snapshot?: Snapshot;
  /** Where the snapshot was found. */
  readonly snapshotFrom?: "this machine" | "the network";
  /** What may be a later state and cannot be read, with the reasons. */
  readonly unread?: readonly string[];
  /** Messages whose effect is not in the state that is restored. */
  readonly lost?: LostMessages;
  /** The earlier code has no library (`lib: false`): nothing saves, compares, restores or hands over its state. */
  readonly plain?: boolean;
  /** State that cannot be saved first, and is lost. */
  readonly unsaved?: readonly UnsavedState[];
  /** Why the member cannot be rolled back. */
  readonly problem?: Problem;
  /** Current epoch; undefined if the member does not answer. */
  readonly epoch?: number;
}

/** What the plan of every member depends on. */
export interface PlanRequest {
  readonly target: ReleaseDocument;
  /** The release that runs, if it is known. */
  readonly current?: ReleaseDocument | undefined;
  /** Members to roll back; empty means all. */
  readonly only: readonly string[];
  /** Restores the earlier states even if a `down` migration exists. */
  readonly restoreState: boolean;
  /** Members that are left alone because they do not answer. */
  readonly silent: readonly string[];
  /** The router and its services; undefined if the fleet has no traffic table. */
  readonly traffic?: Traffic | undefined;
  /** The router's present table; undefined if it did not answer. */
  readonly table?: TrafficState | undefined;
  /** Members whose strategy creates a new process for new code instead of loading it in place. */
  readonly newProcess: ReadonlySet<string>;
  /** Switches callers before the run; a state that cannot be read may be left behind. */
  readonly emergency: boolean;
}
