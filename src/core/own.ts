/**
 * The value under a key that somebody else chose, such as an action or an address; undefined if there is none. `record[key]` would also find
 * what every object inherits: `constructor`, `__proto__`. Pure.
 */
export const own = <T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
