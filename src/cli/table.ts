import { stripVTControlCharacters } from "node:util";

/** Rows under a heading, in columns as wide as their widest cell; colours in cells do not count. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows];
  const width = heading.map((_unused, column) => Math.max(...all.map((row) => visible(row[column] ?? ""))));
  return all.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat(Math.max(0, (width[column] ?? 0) - visible(cell))))
      .join("  ")
      .trimEnd(),
  );
}

/** Characters that take a place on the terminal. */
function visible(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
