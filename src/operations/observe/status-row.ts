/** The present status of one process, as it reports it. */
export interface StatusRow {
  /** The member; for a further revision that has part of its traffic, `<member> (<start of the id>)`. */
  readonly name: string;
  /** For such a revision, the member. */
  readonly of?: string;
  readonly processId: string;
  /**
   * HEALTHY, DEGRADED, UNHEALTHY, OFFLINE or RETIRED; with `--quick` the status of Info: ACTIVE, … UNKNOWN if a unit was slow or down or
   * failed, so that the process could not answer: version, code, epoch and release are then those of its last answer. A member without
   * the library is HEALTHY or UNHEALTHY with `--quick` too, or UNKNOWN if a dry run is inconclusive.
   */
  readonly health: string;
  /** Why there is no verdict: `NO_REPLY`, `UNIT_SLOW`, … */
  readonly code?: string;
  /** For an UNKNOWN process, its last health and when it was reported (ISO 8601). */
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
  /** The latest tick of its cron by the scheduler's clock (ISO 8601); absent if it had none. */
  readonly lastTickAt?: string;
  /**
   * Set if it was not asked: the row is what it published, after the message of this slot and time (ISO 8601). It published nothing since,
   * because nothing of it changed.
   */
  readonly published?: { readonly slot: number | null; readonly at: string };
  /** It refuses new requests, and nothing else is wrong with it. */
  readonly drains?: true;
  /**
   * Ranges of callers' keys of which it refuses requests, because another revision has their state, or gets it: buckets with a salt, from `from`
   * (inclusive) to `to` (exclusive) of 10,000, and since when (ISO 8601; absent if it is not known).
   */
  readonly sealed?: {
    readonly salt: string;
    readonly ranges: readonly { readonly from: number; readonly to: number; readonly since?: string }[];
  };
  /** Id of the revision that replaces it in a rollout under way: then its health is DRAINING, which is not a fault. */
  readonly replacedBy?: string;
  /** Its page in an explorer; null if the network has none. */
  readonly explorer?: string | null;
  /** Where its node serves what it publishes; null if nothing is published. */
  readonly node?: string | null;
  /** Why it is not healthy, or differs from the last deployment. */
  readonly reasons: readonly string[];
}
