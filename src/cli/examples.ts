import type { Command } from "commander";

/** Command lines, each with what it does. */
export type Examples = readonly (readonly [string, string])[];

const shown = new WeakMap<Command, Examples>();

/** The examples of a command, for its page. */
export const examplesOf = (command: Command): Examples => shown.get(command) ?? [];

/** Adds examples to the command's help, and to its page. */
export function showExamples(command: Command, examples: Examples): void {
  command.addHelpText("after", examplesText(examples));
  shown.set(command, examples);
}

/** The examples section of a command's help. */
function examplesText(examples: Examples): string {
  if (examples.length === 0) return "";
  const width = Math.max(...examples.map(([call]) => call.length));
  return `\nExamples:\n${examples.map(([call, meaning]) => `  ${call.padEnd(width)}  ${meaning}`).join("\n")}`;
}
