const ESC = "\u001b";
/** A colour code of our own, or one character. */
const PARTS = new RegExp(`${ESC}\\[[\\d;]*m|.`, "gsu");
/** What continues a line that is longer than the terminal. */
const INSET = "    … ";
/** A terminal that is narrower is not worth it. */
const LEAST = 40;

/** Columns of a character: letters of the first scripts have one; anything later may have two. */
const widthOf = (part: string): number =>
  part.startsWith(ESC) ? 0 : (part.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2;

/**
 * A line as it is shown, in rows of a terminal, of which all but the first have an indent. A terminal itself continues a long line at its margin,
 * where text that fills the row could go on with a row that looks like one of the command's own. Pure.
 *
 * @param columns of the terminal; undefined if there is none
 */
export function wrapped(line: string, columns: number | undefined): string[] {
  if (columns === undefined || columns < LEAST) return [line];
  const rows = [""];
  let used = 0;
  for (const [part] of line.matchAll(PARTS)) {
    if (used + widthOf(part) > columns) {
      rows.push(INSET);
      used = INSET.length + 1;
    }
    rows[rows.length - 1] += part;
    used += widthOf(part);
  }
  return rows;
}
