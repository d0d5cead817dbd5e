/** Milliseconds until the stack's history is read again if the release is the same. */
const HISTORY_FOR = 60_000;
/** Milliseconds until a history that lacks the running release is read again; doubles up to HISTORY_FOR. */
const INCOMPLETE_FOR = 2000;

interface Known {
  readonly releases: readonly { readonly deploymentId: string }[];
}

/**
 * Caches the stack's history, which takes two calls of pulumi, until another release runs or HISTORY_FOR has passed. A release is written to the
 * manifest before pulumi ends its update: a history that was read in between lacks it, and is read again soon.
 *
 * @param now the clock, in milliseconds
 * @returns gives the history for a release id; undefined takes whatever is cached
 */
export function cacheReleases<H extends Known, A extends unknown[]>(
  read: (...args: A) => Promise<H>,
  now: () => number = Date.now,
): (id: string | undefined, ...args: A) => Promise<H> {
  let kept: { id: string | undefined; until: number; history: Promise<H> } | undefined;
  let pause = INCOMPLETE_FOR;
  return (id, ...args) => {
    const isOther = kept === undefined || (id !== undefined && kept.id !== id);
    if (kept && !isOther && now() <= kept.until) return kept.history;
    if (isOther) pause = INCOMPLETE_FOR;
    const entry = { id: id ?? kept?.id, until: now() + HISTORY_FOR, history: read(...args) };
    kept = entry;
    const readAgainSoon = () => {
      entry.until = now() + pause;
      pause = Math.min(2 * pause, HISTORY_FOR);
    };
    entry.history.then(({ releases }) => {
      if (entry.id !== undefined && !releases.some(({ deploymentId }) => deploymentId === entry.id))
        readAgainSoon();
    }, readAgainSoon);
    return entry.history;
  };
}
