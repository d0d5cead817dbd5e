/** A request to end this command, by Ctrl-C or by SIGTERM. */
interface UntilSignal {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Stops listening. Until then, this process does not end by the first of these signals. */
  forget(): void;
}

/** Listens for SIGINT and SIGTERM, for a command that runs until it is told to end. */
export function untilSignal(): UntilSignal {
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  return {
    signal: ended.signal,
    forget: () => void process.removeListener("SIGINT", end).removeListener("SIGTERM", end),
  };
}
