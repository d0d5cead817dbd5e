import type { StatedRevision } from "./stated-revision.ts";

/** One process of the fleet, as the last run left it. */
export interface Member {
  readonly name: string;
  readonly processId: string;
  /** Counts the AO processes that this member has had. */
  readonly generation: number;
  readonly version: string;
  /** sha256 of the deployed bundle; "" when none was ever loaded. */
  readonly sourceHash: string;
  /** As the manifest says: ACTIVE, INITIALIZING, UNHEALTHY, … */
  readonly status: string;
  /** False where nothing of the fleet's library is in the process, as it was deployed: none of the library's actions is answered. */
  readonly lib?: false;
  /** Of such a process: the code after its load, as an Eval of its owner reads it. */
  readonly code?: readonly string[];
  /** Of a further revision that has a part of a member's traffic: that member. `name` is `<member> (<start of the id>)` then. */
  readonly of?: string;
}

/** What is known of a fleet from the files of its project, or from its stack's state. */
export interface KnownFleet {
  readonly members: readonly Member[];
  /** The member that keeps the ledger. */
  readonly ledger?: string;
  /** The member that carries the router, where traffic is given by a table. */
  readonly router?: string;
  /** Member → its revisions by the stack's state, where that was read. */
  readonly revisions?: Readonly<Record<string, readonly StatedRevision[]>>;
  /**
   * Revisions that get requests beside the processes in `members`, by the router's table: the other half of a split, a rollout's new
   * revision. What shows or judges how the fleet is asks them too; a name means the member's one process, never these.
   *
   * @default none, or the router was not asked
   */
  readonly sharing?: readonly Member[];
  /** Every process that a table of the router names, the one to which it would return too. @default none, or it was not asked */
  readonly routed?: readonly string[];
}
