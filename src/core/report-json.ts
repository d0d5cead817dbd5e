import { printableJson } from "./printable.ts";
import { redactStrings } from "./redact.ts";

/** A report as the content of a file: without secrets, and with an escape for every character that acts on a terminal. Pure. */
export const reportJson = (report: unknown): string =>
  `${printableJson(JSON.stringify(redactStrings(report), null, 2))}\n`;
