/** Text of others that is longer than a row of the terminal. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Output } from "../../src/cli/output.ts";
import { wrapped } from "../../src/cli/wrapped.ts";
import { plainText } from "../../src/monitor/notify/message.ts";

const FORGED = "#99 STRANGER HEALTHY [OK]";

/** What is printed on a terminal with that many columns; undefined: on no terminal. */
function shown(line: string, columns: number | undefined): string[] {
  const stdout = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  new Output({ stdout, stderr: new PassThrough() }).quote(line);
  return String(stdout.read()).split("\n").slice(0, -1);
}

test.each([
  ["blanks", " "],
  ["blanks without a break", "\u00a0"],
  ["wide blanks", "\u3000"],
  ["lines", "─"],
  ["letters", "x"],
  ["wide letters", "战"],
])("a row that is filled with %s does not go on with one of its own", (_name, filler) => {
  for (const columns of [40, 79, 80, 120])
    for (let length = 0; length < 3 * columns; length += 1) {
      const [first = "", ...rest] = shown(`#1 STRANGER ${filler.repeat(length)}${FORGED}`, columns);
      expect(first.startsWith("#1 STRANGER ")).toBe(true);
      for (const row of rest) expect(row.startsWith("    … ")).toBe(true);
    }
});

test("nothing is lost, colours have no width, and what is no terminal gets the line as it is", () => {
  const line = `\u001b[31m${"a".repeat(50)}\u001b[39m`;
  expect(wrapped(line, 50)).toEqual([line]);
  expect(wrapped("ab".repeat(30), 50)).toEqual(["ab".repeat(25), `    … ${"ab".repeat(5)}`]);
  expect(shown("x".repeat(300), undefined)).toEqual(["x".repeat(300)]);
  expect(wrapped("x".repeat(300), 20)).toEqual(["x".repeat(300)]);
});

test("in an alert, blanks fill no row", () => {
  expect(plainText(`x${" ".repeat(200)}${"\u3000".repeat(80)}${FORGED}`)).toBe(`x ${FORGED}`);
});
