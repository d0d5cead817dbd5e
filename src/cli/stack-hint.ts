/** What a suggested command needs to act on the stack that this call named: ` --stack prod`; empty if none was named. */
export const onStackOf = (named: string | undefined): string =>
  named === undefined ? "" : ` --stack ${named}`;

/** A line after problems whose remedies name commands: those act on the selected stack, which is another one if the call named one. */
export const stackHint = (onStack: string): string[] =>
  onStack === "" ? [] : [`The commands above act on this stack with${onStack}.`];
