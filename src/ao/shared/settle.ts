import { FleetError, type Problem } from "../../core/errors.ts";

/**
 * Waits for all checks.
 *
 * @throws FleetError with the problems of each that failed; transient if all of them are
 */
export async function settleAll(checks: readonly Promise<unknown>[]): Promise<void> {
  const errors: FleetError[] = [];
  for (const settled of await Promise.allSettled(checks)) {
    if (settled.status === "fulfilled") continue;
    if (!(settled.reason instanceof FleetError)) throw settled.reason;
    errors.push(settled.reason);
  }
  const [first, ...rest] = errors.flatMap((error): readonly Problem[] => error.problems);
  if (first) {
    throw new FleetError([first, ...rest], {
      transient: errors.every(({ transient }) => transient),
      cause: errors[0],
    });
  }
}
