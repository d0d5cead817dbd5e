import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";

/**
 * Awaits all promises, by name.
 *
 * @throws FleetError with the problems of every promise that failed
 */
export async function settleAll<T extends Record<string, unknown>>(
  parts: {
    [K in keyof T]: Promise<T[K]>;
  },
): Promise<T> {
  const settled = await Promise.allSettled(Object.values(parts));
  const problems: Problem[] = [];
  for (const result of settled) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof FleetError)) throw result.reason;
    problems.push(...result.reason.problems);
  }
  throwAll(problems);
  const values = settled.map((result) => (result.status === "fulfilled" ? result.value : undefined));
  return Object.fromEntries(Object.keys(parts).map((name, index) => [name, values[index]])) as T;
}
