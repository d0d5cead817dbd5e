import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bundle, store } from "../../src/bundler/index.ts";
import { sha256 } from "../../src/core/hash.ts";
import { bundled, project } from "./project.ts";

const FILES = {
  "app/main.lua": 'local a = require("lib.a")\nreturn a',
  "app/lib/a.lua": 'return require("shared.b")',
  "shared/b.lua": "return 'b'",
};

describe("the same sources make the same bytes", () => {
  test("in any folder, with absolute or relative paths, with any line endings", async () => {
    const here = project(FILES);
    const there = join(project({}), "a folder", "déjà");
    cpSync(here, there, { recursive: true });
    const crlf = project(
      Object.fromEntries(Object.entries(FILES).map(([f, t]) => [f, `\ufeff${t.replace(/\n/g, "\r\n")}`])),
    );
    const bundles = [
      await bundle({ name: "p", entry: "app/main.lua", root: here }),
      await bundle({ name: "p", entry: join(there, "app/main.lua"), root: there }),
      await bundle({ name: "p", entry: "./app/../app/main.lua", root: `${crlf}/` }),
    ];
    expect(new Set(bundles.map(({ hash }) => hash)).size).toBe(1);
    const [first] = bundles;
    expect(first?.hash).toBe(sha256(first?.text ?? ""));
    expect(first?.text).not.toContain(here);
    expect(first?.modules.map(({ file }) => file)).toEqual(["app/lib/a.lua", "app/main.lua", "shared/b.lua"]);
  });

  test("with files created in another order, and with folders outside the project", async () => {
    const made = async (reverse: boolean) => {
      const entries = Object.entries({ ...FILES, "app/z.lua": "return 1" });
      const root = project(Object.fromEntries(reverse ? entries.reverse() : entries));
      const outside = project({ "library/out/side.lua": "return 'o'" });
      return await bundle({
        name: "p",
        entry: "app/main.lua",
        root,
        search: [join(outside, "library")],
        include: ["out.side"],
      });
    };
    const [one, two] = [await made(false), await made(true)];
    expect(two.hash).toBe(one.hash);
    expect(one.modules.map(({ file }) => file)).toContain("library/out/side.lua");
  });

  test("and other bytes if a byte of a source or an option that changes the program differs", async () => {
    const hashes = await Promise.all([
      bundled({ "main.lua": "return 1" }),
      bundled({ "main.lua": "return 1 " }),
      bundled({ "main.lua": "return 1" }, { name: "other" }),
      bundled({ "main.lua": "return 1" }, { constants: { A: 1 } }),
      bundled({ "main.lua": "return 1" }, { constants: { A: 2 } }),
    ]);
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(5);
  });

  test("and one module for a file and a symbolic link to it", async () => {
    const root = project({ "main.lua": 'require("a") require("b")', "a.lua": "return {}" });
    symlinkSync(join(root, "a.lua"), join(root, "b.lua"));
    const { modules } = await bundle({ name: "p", entry: "main.lua", root });
    expect(modules.map(({ file }) => file)).toEqual(["a.lua", "main.lua"]);
  });
});

describe("a bundle's report", () => {
  test("lists modules with bytes, hash and lines; nothing is cut", async () => {
    const text = `${"-- a line\n".repeat(9)}return "é"`;
    const made = await bundled({ "main.lua": 'require("a")', "a.lua": text });
    const a = made.modules.find(({ file }) => file === "a.lua");
    expect(a).toEqual({
      name: "a",
      file: "a.lua",
      bytes: Buffer.byteLength(text) + 1,
      hash: sha256(text),
      lines: { start: 3, count: 10 },
    });
    const lines = made.text.split("\n");
    expect(lines.slice((a?.lines.start ?? 0) - 1, (a?.lines.start ?? 0) - 1 + 10).join("\n")).toBe(text);
    expect(made.bytes).toBe(Buffer.byteLength(made.text));
  });

  test("uses facts that a folder remembers, and repairs damaged ones", async () => {
    const root = project({ "main.lua": `return ${Math.random()}` });
    const options = { name: "p", entry: "main.lua", root, cache: join(root, ".cache") };
    const first = await bundle(options);
    const [file] = readdirSync(options.cache);
    expect(file).toBe(`${first.modules[0]?.hash}.json`);
    const { clearFactCache } = await import("../../src/bundler/cache.ts");
    writeFileSync(join(options.cache, file ?? ""), '{"format":');
    clearFactCache();
    expect((await bundle(options)).hash).toBe(first.hash);
    writeFileSync(
      join(options.cache, file ?? ""),
      JSON.stringify({
        format: 6,
        facts: {
          fault: { message: "from the cache", offset: 0 },
          requires: [],
          handlers: [],
          globals: [],
          limits: [],
          lacks: [],
          provides: [],
        },
      }),
    );
    clearFactCache();
    await expect(bundle(options)).rejects.toThrow("from the cache");
    clearFactCache();
  });
});

describe("the store", () => {
  test("keeps bundles by content, with the map next to each, and returns them unchanged", async () => {
    const made = await bundled(FILES, { entry: "app/main.lua" });
    const shelf = store(join(project({}), "deep", "store"));
    expect(await shelf.get(made.hash)).toBeUndefined();
    const path = await shelf.put(made);
    expect(await shelf.put(made)).toBe(path);
    expect(path).toBe(shelf.path(made.hash));
    expect(await shelf.get(made.hash)).toEqual({ hash: made.hash, text: made.text, map: made.map });
  });

  test("never returns a damaged bundle, and repairs it when it is stored again", async () => {
    const made = await bundled({ "main.lua": "return 1" });
    const shelf = store(project({}));
    writeFileSync(await shelf.put(made), made.text.slice(0, 20));
    expect(await shelf.get(made.hash)).toBeUndefined();
    await shelf.put(made);
    expect((await shelf.get(made.hash))?.text).toBe(made.text);
    expect(await shelf.get("../../etc/passwd")).toBeUndefined();
  });
});

test("bundles a project in a folder whose name is not a Lua string", async () => {
  const root = join(project({}), 'q"uote ]] \\ n');
  mkdirSync(root);
  writeFileSync(join(root, "main.lua"), 'require("a")');
  writeFileSync(join(root, "a.lua"), "return 1");
  expect((await bundle({ name: 'na"me\n', entry: "main.lua", root })).modules).toHaveLength(2);
});
