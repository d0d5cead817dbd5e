import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { schemaFiles } from "../../docs/schemas.ts";

test("the published schemas of reports are up to date with the code", () => {
  const files = schemaFiles();
  expect(readdirSync("docs/reference/schemas").sort()).toEqual([...files.keys()].sort());
  for (const [name, text] of files) expect(readFileSync(`docs/reference/schemas/${name}`, "utf8")).toBe(text);
});
