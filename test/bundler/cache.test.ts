import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import luaparse from "luaparse";
import { afterEach, expect, test, vi } from "vitest";
import { clearFactCache, minifiedOf } from "../../src/bundler/cache.ts";
import { bundle } from "../../src/bundler/index.ts";
import { sha256 } from "../../src/core/hash.ts";
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

test("the library is minified, its lines stay, and each file is minified once; a damaged copy is not deployed", async () => {
  const LIBRARY = '-- A comment.\nlocal M = {}\n\nfunction M.fail()\n    error( "here" )\nend\nreturn M\n';
  const root = project({
    "lib/helper.lua": LIBRARY,
    "main.lua": '-- Stays.\nrequire("helper").fail()\n',
  });
  const cache = temporaryFolder("facts");
  const folder = join(root, "lib");
  const make = () =>
    bundle({ name: "p", entry: "main.lua", root, cache, search: ["lib"], library: { folder, label: "own" } });
  const made = await make();
  expect(made.text).toContain('-- Stays.\nrequire("helper").fail()\n');
  expect(made.text).toContain('\nlocal M={}\n\nfunction M.fail()\nerror("here")\nend\nreturn M\n');
  expect(made.modules.find(({ file }) => file === "own/helper.lua")?.lines.count).toBe(7);

  clearFactCache();
  expect(await parsedBy(async () => expect((await make()).text).toBe(made.text))).toEqual([]);

  // A change of this text needs a new FORMAT in src/bundler/cache.ts, because folders have what earlier versions made.
  const pinned =
    'local a, b = - -1 .. "x", [[y]]  -- z\n  if a ~= b then goto done end ::done::\nreturn a .. 1 .. "." , { [ [[k]] ] = 1 }\n';
  expect(minifiedOf(pinned, sha256(pinned), { folder: undefined })).toBe(
    'local a,b= - -1 .."x",[[y]]\nif a~=b then goto done end::done::\nreturn a .. 1 ..".",{[ [[k]] ] =1}\n',
  );

  const [small = ""] = (await readdir(cache)).filter((name) => name.endsWith(".min.json"));
  const kept = JSON.parse(await readFile(join(cache, small), "utf8"));
  for (const damaged of ['{"format":', JSON.stringify({ ...kept, text: `${kept.text}print("more")` })]) {
    await writeFile(join(cache, small), damaged);
    clearFactCache();
    expect(await parsedBy(async () => expect((await make()).text).toBe(made.text))).toEqual([LIBRARY]);
  }
});
