import { readFile } from "node:fs/promises";
import { FleetError } from "../../core/errors.ts";
import { ifMissing } from "../../core/missing.ts";
import { decodeRecord, type JournalRecord } from "./records.ts";

/** The file's bytes; undefined if it does not exist. */
export const readIfThere = (path: string): Promise<Buffer | undefined> =>
  readFile(path).catch(ifMissing(undefined));

/**
 * @returns the records, the number of valid bytes, and what was dropped after them
 * @throws FleetError `JOURNAL_DAMAGED` if a record before the last is damaged
 */
export function parseJournal(
  path: string,
  bytes: Buffer,
): { records: JournalRecord[]; size: number; dropped: string | undefined } {
  const records: JournalRecord[] = [];
  let start = 0;
  for (let number = 1; start < bytes.length; number += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const record =
      newline === -1 ? { damaged: "no end of line" } : decodeRecord(bytes.toString("utf8", start, end));
    if ("damaged" in record) {
      const isLast = newline === -1 || newline === bytes.length - 1;
      if (!isLast) throw damaged(path, number, record.damaged);
      const lost = bytes.length - start;
      return {
        records,
        size: start,
        dropped: `dropped the last ${lost} bytes (${record.damaged}); record ${number - 1} is the last good one`,
      };
    }
    records.push(record);
    start = end + 1;
  }
  return { records, size: start, dropped: undefined };
}

function damaged(path: string, line: number, how: string): FleetError {
  return new FleetError({
    code: "JOURNAL_DAMAGED",
    what: "The journal is damaged before its last record.",
    at: `${path}:${line}:1`,
    got: how,
    expected: "records as they were written",
    remedy: "Restore the file, or move it away: the next run finds the fleet on the network.",
  });
}
