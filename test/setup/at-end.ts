/** What a file leaves behind in a process that it shares: called when the file has ended, for each file. */
type Ends = Set<() => Promise<unknown>>;

const ENDS = Symbol.for("ao-fleet.tests.ends");

/** The calls at the end of each file of this process. */
export function fileEnds(): Ends {
  const holder = process as { [ENDS]?: Ends };
  holder[ENDS] ??= new Set();
  return holder[ENDS];
}
