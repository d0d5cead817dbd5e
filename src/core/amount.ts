/**
 * A number with its noun: `1 request`, `2 requests`, `0 requests`. Pure.
 *
 * @param many the plural, where appending `s` does not form it: `processes`, `messages are`
 */
export const amount = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
