import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generated } from "../../docs/lua-data.ts";
import { packageDir } from "../../src/toolchain/paths.ts";

test.each([...generated])("%s is up to date with TypeScript (npm run docs)", (file, text) => {
  expect(readFileSync(join(packageDir, "src/runtime", file), "utf8")).toBe(text);
});
