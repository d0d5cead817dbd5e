import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { WARNING_CODES } from "../../src/bundler/silence.ts";

const docs = readFileSync(new URL("../../docs/reference/bundling.md", import.meta.url), "utf8");

test("every feature in the docs names an existing test", () => {
  const rows = [...docs.matchAll(/^\| (.+?) \| ([a-z/]+): (`.+`) \|$/gm)];
  expect(rows.length).toBeGreaterThan(60);
  for (const [, , file = "", names = ""] of rows) {
    const path = file.includes("/") ? `../${file}` : `./${file}`;
    const source = readFileSync(new URL(`${path}.test.ts`, import.meta.url), "utf8").replaceAll("\\\\", "\\");
    for (const name of names.split("`, `")) {
      expect(source).toContain(name.replace(/^`|`$/g, "").replaceAll("\\`", "`"));
    }
  }
});

test("the docs list every code of the bundler", () => {
  const folder = new URL("../../src/bundler/", import.meta.url);
  const codes = new Set<string>(WARNING_CODES);
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts"))) {
    for (const [, code] of readFileSync(new URL(file, folder), "utf8").matchAll(/code: "([A-Z_]+)"/g))
      codes.add(code ?? "");
  }
  expect(codes.size).toBeGreaterThan(12);
  for (const code of codes) expect(docs).toContain(`| \`${code}\` |`);
});
