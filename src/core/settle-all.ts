import { FleetError, type Problem } from "./errors.ts";

/**
 * Awaits all promises of a list or a record.
 *
 * @throws FleetError with the problems of every promise that failed; transient if all of them are
 */
export async function settleAll<T extends readonly unknown[] | Readonly<Record<string, unknown>>>(
  parts: {
    [K in keyof T]: Promise<T[K]>;
  },
): Promise<T> {
  const settled = await Promise.allSettled(Object.values(parts));
  const errors = settled.flatMap((result): FleetError[] => {
    if (result.status === "fulfilled") return [];
    if (result.reason instanceof FleetError) return [result.reason];
    throw result.reason;
  });
  const [first, ...rest] = errors.flatMap((error): readonly Problem[] => error.problems);
  if (first) {
    const transient = errors.every((error) => error.transient);
    throw new FleetError([first, ...rest], { transient, cause: errors[0] });
  }
  const values = settled.map((result) => (result.status === "fulfilled" ? result.value : undefined));
  const result: unknown = Array.isArray(parts)
    ? values
    : Object.fromEntries(Object.keys(parts).map((name, index) => [name, values[index]]));
  return result as T;
}
