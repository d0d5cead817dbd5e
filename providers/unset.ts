/** The outputs of a new resource: Pulumi takes only names that are in its arguments. */
export const unset = (...names: readonly string[]): Readonly<Record<string, undefined>> =>
  Object.fromEntries(names.map((name) => [name, undefined]));
