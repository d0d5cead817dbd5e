import { stripVTControlCharacters } from "node:util";
import { shownCell } from "./styled.ts";

/** Formats rows under a heading. Columns are as wide as their widest cell; colour codes do not count. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows].map((row) => row.map(shownCell));
  const width = heading.map((_unused, column) => Math.max(...all.map((row) => visible(row[column] ?? ""))));
  return all.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat(Math.max(0, (width[column] ?? 0) - visible(cell))))
      .join("  ")
      .trimEnd(),
  );
}

/** Number of visible characters. */
function visible(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
