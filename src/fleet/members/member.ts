import type { RevisionInState } from "./revision-in-state.ts";

/** One process of the fleet, as of the last run. */
export interface Member {
  readonly name: string;
  readonly processId: string;
  /** Number of AO processes that this member has had. */
  readonly generation: number;
  readonly version: string;
  /** sha256 of the deployed bundle; "" if none was ever loaded. */
  readonly sourceHash: string;
  /** Status in the manifest: ACTIVE, INITIALIZING, UNHEALTHY, … */
  readonly status: string;
  /** False if the process was deployed without the fleet's library: it answers none of the library's actions. */
  readonly lib?: false;
  /** For such a process: the code after its load, as read by an Eval of its owner. */
  readonly code?: readonly string[];
  /** For another revision with a part of a member's traffic: that member. `name` is then `<member> (<start of the id>)`. */
  readonly of?: string;
}

/** A fleet as known from the files of its project, or from its stack's state. */
export interface KnownFleet {
  readonly members: readonly Member[];
  /** The member that contains the ledger. */
  readonly ledger?: string;
  /** The member that contains the router, if traffic is routed by a table. */
  readonly router?: string;
  /** Member → its revisions in the stack's state, if that was read. */
  readonly revisions?: Readonly<Record<string, readonly RevisionInState[]>>;
  /**
   * Revisions that get requests in addition to the processes in `members`, by the router's table: the other half of a split, or a
   * rollout's new revision. Health and status include them; a member's name never refers to them.
   *
   * @default none, or the router was not asked
   */
  readonly sharing?: readonly Member[];
  /** Every process in the router's tables, including the table that it would revert to. @default none, or it was not asked */
  readonly routed?: readonly string[];
}
