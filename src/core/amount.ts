/**
 * A number with its noun: `1 request`, `2 requests`, `0 requests`. Pure.
 *
 * @param many the words of every number but one, where a final `s` does not make them: `processes`, `messages are`
 */
export const amount = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
