import { randomInt } from "node:crypto";
import { styleText } from "node:util";
import { printable } from "../core/printable.ts";

/** Parameters that only this run adds to the colour codes of its own: text from a process cannot contain them. */
const MARK = Array.from({ length: 4 }, () => randomInt(1000, 10_000)).join(";");
const ESC = "\u001b";
const COLOUR = new RegExp(`(${ESC}\\[\\d+)m`, "g");
const MARKED = new RegExp(`(${ESC}\\[\\d+);${MARK}m`);

/** A colour as `styleText` takes it. */
export type Style = Parameters<typeof styleText>[0];

/** Adds colour that `shownLine` keeps, if the stream is a terminal and the environment allows it (NO_COLOR, FORCE_COLOR, TERM). */
export const styled = (style: Style, text: string, stream: NodeJS.WritableStream): string =>
  styleText(style, printable(text), { stream, validateStream: true }).replace(COLOUR, `$1;${MARK}m`);

/** One line for a terminal: everything in it is only shown, except colours of `styled`. Pure. */
export const shownLine = (text: string): string =>
  text
    .split(MARKED)
    .map((part, index) => (index % 2 === 1 ? `${part}m` : printable(part)))
    .join("");

/** A cell of a table, with its colours still marked, so that the width of what is shown can be measured. Pure. */
export const shownCell = (text: string): string =>
  text
    .split(MARKED)
    .map((part, index) => (index % 2 === 1 ? `${part};${MARK}m` : printable(part)))
    .join("");
