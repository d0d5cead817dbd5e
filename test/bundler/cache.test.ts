import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import luaparse from "luaparse";
import { afterEach, expect, test, vi } from "vitest";
import { clearFactCache } from "../../src/bundler/cache.ts";
import { bundle } from "../../src/bundler/index.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { project } from "./project.ts";

/** What was found in a source is remembered by its hash: an unchanged source is not parsed again. */

const parse = vi.spyOn(luaparse, "parse");
const MODULES = 21;

afterEach(() => clearFactCache());

function files(): Record<string, string> {
  const text = (n: number) =>
    `${n < MODULES - 1 ? `local after = require("m${n + 1}")\n` : ""}return { name = "m${n}" }\n`;
  return Object.fromEntries(Array.from({ length: MODULES }, (_, n) => [`m${n}.lua`, text(n)]));
}

/** The texts that were parsed during the work. */
async function parsedBy(work: () => Promise<unknown>): Promise<string[]> {
  parse.mockClear();
  await work();
  return parse.mock.calls.map(([text]) => String(text));
}

test("each file is parsed once; after that only changed files, also by another process with the same folder", async () => {
  const root = project(files());
  const cache = temporaryFolder("facts");
  const make = () => bundle({ name: "p", entry: "m0.lua", root, cache });

  expect(await parsedBy(make)).toHaveLength(MODULES);
  expect(await parsedBy(make)).toEqual([]);
  expect(await readdir(cache)).toHaveLength(MODULES);

  // A process that starts again knows nothing but the folder.
  clearFactCache();
  const before = await make();
  clearFactCache();
  expect(await parsedBy(make)).toEqual([]);

  await writeFile(join(root, "m7.lua"), 'local after = require("m8")\nreturn { name = "changed" }\n');
  clearFactCache();
  const parsed = await parsedBy(async () => expect((await make()).hash).not.toBe(before.hash));
  expect(parsed).toHaveLength(1);
  expect(parsed[0]).toContain("changed");
});

test("a file that was damaged in the folder is parsed again, and the bundle is the same", async () => {
  const root = project(files());
  const cache = temporaryFolder("facts");
  const make = () => bundle({ name: "p", entry: "m0.lua", root, cache });
  const { hash } = await make();
  const [one = "", two = ""] = await readdir(cache);
  await writeFile(join(cache, one), '{"format":');
  await writeFile(join(cache, two), '{"format":1,"facts":{}}');
  clearFactCache();
  expect(await parsedBy(async () => expect((await make()).hash).toBe(hash))).toHaveLength(2);
});

test("two bundles that share files parse them once", async () => {
  const root = project({ ...files(), "other.lua": 'return require("m5")\n' });
  await bundle({ name: "p", entry: "m0.lua", root });
  expect(await parsedBy(() => bundle({ name: "q", entry: "other.lua", root }))).toEqual([
    'return require("m5")\n',
  ]);
});
