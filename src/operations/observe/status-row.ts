/** One process as it is now, by its own word. */
export interface StatusRow {
  /** The member; of a further revision with a part of its traffic `<member> (<start of the id>)`. */
  readonly name: string;
  /** Of such a revision: the member. */
  readonly of?: string;
  readonly processId: string;
  /**
   * HEALTHY, DEGRADED, UNHEALTHY, OFFLINE or RETIRED; with `--quick` the status of Info: ACTIVE, … UNKNOWN where a unit was slow,
   * down or failed, so that the process was not heard: version, code, epoch and release are those last heard then. A member without
   * the library is HEALTHY or UNHEALTHY with `--quick` too, or UNKNOWN where a dry run cannot tell.
   */
  readonly health: string;
  /** Why there is no verdict: `NO_REPLY`, `UNIT_SLOW`, … */
  readonly code?: string;
  /** Of a process that is UNKNOWN: what it was when it was last heard, and when (ISO 8601). */
  readonly lastKnown?: { readonly health: string; readonly at: string };
  readonly version: string;
  /** sha256 of the code that it runs. */
  readonly sourceHash: string;
  readonly generation: number;
  readonly epoch: number | null;
  /** Id of the deployment that loaded it. */
  readonly release: string;
  /** Milliseconds until it answered. */
  readonly responseMs: number | null;
  /** It takes no new requests, and nothing else is wrong with it. */
  readonly drains?: true;
  /** Id of the revision that replaces it in a rollout that is under way: then it is DRAINING, and not ill. */
  readonly replacedBy?: string;
  /** What is not as it should be. */
  readonly reasons: readonly string[];
}
