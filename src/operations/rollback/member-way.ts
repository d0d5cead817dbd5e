import type { Problem } from "../../core/errors.ts";
import type { TrafficState } from "../../delivery/wire.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";
import type { Lost } from "./lost.ts";
import type { Traffic } from "./stack.ts";

/** How one member gets to where a rollback wants it. */
export interface MemberWay {
  readonly name: string;
  /**
   * `in-place`: the earlier code comes in, the state is migrated down · `with-state`: with the state of then · `warm`: a process that still
   * runs it gets the callers back · `next`: a new process with it, beside the one that serves · `settings`: the code is the same · `new`: it
   * runs no more and is made anew · `same` · `beside`: it came later and is kept without a place
   */
  readonly kind: "in-place" | "with-state" | "warm" | "next" | "settings" | "new" | "same" | "beside";
  readonly processId?: string;
  /** The AO process that runs the code of then, where there is one beside. */
  readonly warm?: string;
  /** That one refuses requests until its state is handed back. */
  readonly drains?: boolean;
  /** The state of now is in the process that serves, and has to go along. */
  readonly carries?: boolean;
  /** The version and code that it runs, and that it will. */
  readonly from?: { readonly version: string; readonly sourceHash: string };
  readonly to?: { readonly version: string; readonly sourceHash: string };
  readonly snapshot?: Snapshot;
  /** What of its life is not in the state that it goes back to. */
  readonly lost?: Lost;
  /** Why there is no way. */
  readonly problem?: Problem;
  /** Its epoch now; undefined when it does not answer. */
  readonly epoch?: number;
}

export interface WayRequest {
  readonly target: ReleaseDocument;
  /** Members that go back; all when empty. */
  readonly only: readonly string[];
  /** Puts the states of then back, too, where there is a way down. */
  readonly restoreState: boolean;
  /** Members that are not asked. */
  readonly silent: readonly string[];
  /** The router and its services, where traffic is given by a table. */
  readonly traffic?: Traffic | undefined;
  /** What the router says of itself. */
  readonly table?: TrafficState | undefined;
  /** Members whose code gets a process beside the one that serves, and is never loaded into that one. */
  readonly besides: ReadonlySet<string>;
  /** Callers first: a state that cannot be asked for may stay behind. */
  readonly emergency: boolean;
}
