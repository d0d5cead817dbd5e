/**
 * Runs a function over items, at most `atOnce` at a time. Results keep the order of the items. After an error, no other item is begun, and the
 * error is thrown when everything that was begun has ended.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const errors: unknown[] = [];
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < items.length && errors.length === 0; at = next++) {
      try {
        results[at] = await run(items[at] as T);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
  return results;
}
