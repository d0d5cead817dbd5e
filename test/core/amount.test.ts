import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { amount } from "../../src/core/amount.ts";

test.each([
  [amount(1, "request"), "1 request"],
  [amount(0, "request"), "0 requests"],
  [amount(2, "request"), "2 requests"],
  [amount(1, "try", "tries"), "1 try"],
  [amount(3, "Eval was", "Evals were"), "3 Evals were"],
])("an amount agrees with its noun: %s", (text, expected) => {
  expect(text).toBe(expected);
});

/** Nouns that are counted in the sources. Left out are those that never occur once (bytes, ms) and those that Lua counts in the same words (characters). */
const COUNTED =
  "alerts|answers|checks|deployments|Evals|faults|files|intervals|measurements|members|messages|modules|processes|releases|requests|revisions|settings|slots|steps|strangers|targets|tries";
const FOLDERS = ["components", "providers", "src"];

test("no sentence counts with a plural that ignores the number", () => {
  const number = "[^}]*(?:length|size|count|tries|requests|errors|total|reach)";
  // "1 of 1 checks" is right.
  const wrong = new RegExp(`(?<! of )\\$\\{${number}\\} (?:${COUNTED})\\b`);
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
  ).filter((file) => file.endsWith(".ts"));
  const found = files.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .flatMap((line, index) => (wrong.test(line) ? [`${file}:${index + 1} ${line.trim()}`] : [])),
  );
  expect(found).toEqual([]);
});
