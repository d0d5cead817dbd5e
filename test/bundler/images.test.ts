import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { askedImages } from "../../docs/aos-modules.ts";
import { AOS_IMAGES, IMAGE_GLOBALS, IN_EVERY_IMAGE } from "../../src/bundler/aos-images.ts";
import { imageModules, wasmModules } from "../../src/bundler/aos-modules.ts";
import { type BundleOptions, checkImage, explainLuaError } from "../../src/bundler/index.ts";
import { aosImages } from "../../src/localnet/images.ts";
import { problemsOf } from "../kit/failure.ts";
import { aos, evaluate } from "./aos.ts";
import { bundled } from "./project.ts";

const UNKNOWN = "u".repeat(43);

const problems = (text: string, image: NonNullable<BundleOptions["image"]>) =>
  problemsOf(bundled({ "main.lua": text }, { image }));

test("the list of each image's modules is what the image itself answers, and so are the globals", async () => {
  const written = AOS_IMAGES.map((image) => ({
    ...image,
    modules: [...IN_EVERY_IMAGE, ...image.modules].sort(),
  }));
  const answers = await askedImages();
  const asked = answers.map(({ globals: _, ...image }) => ({ ...image, modules: [...image.modules].sort() }));
  expect(asked).toEqual(written);
  expect([...new Set(answers.flatMap(({ globals }) => globals))].sort()).toEqual(IMAGE_GLOBALS);
});

describe("a module of the image comes from the image", () => {
  test("even if it is loaded at its first use only", async () => {
    const { text, warnings } = await bundled(
      {
        "main.lua": 'local bint = require(".bint")(256)\nR = tostring(bint("9007199254740993") + 1)',
      },
      { image: "aos", state: ["R"] },
    );
    expect(warnings).toEqual([]);
    expect(await evaluate(`${text}\nreturn R`)).toBe("9007199254740994");
  });

  test("in each image, by each of its names", async () => {
    for (const { name, modules } of AOS_IMAGES) {
      const names = [...IN_EVERY_IMAGE, ...modules].filter((each) => each !== ".eval");
      const requires = names.map((each) => `local _ = require(${JSON.stringify(each)})`).join(" ");
      const { warnings } = await bundled({ "main.lua": `R = function() ${requires} end` }, { image: name });
      expect(warnings).toEqual([]);
    }
  });

  test("lsqlite3 exists in one image: the plan refuses it on the others and names that one", async () => {
    const text = 'local sqlite = require("lsqlite3")\nR = type(sqlite.open_memory)';
    const [missing] = await problems(text, "aos");
    expect(missing).toMatchObject({
      code: "LUA_MODULE_MISSING",
      at: "main.lua:1:16",
      got: "the image aos-2.0.6, which does not contain it",
      remedy: expect.stringContaining("aos-sqlite"),
    });
    const made = await bundled({ "main.lua": text }, { image: "aos-sqlite" });
    const [loaded] = await aos([{ eval: `${made.text}\nreturn R` }], "sqlite");
    expect(loaded).toMatchObject({ error: undefined, output: expect.stringContaining("function") });
  });

  test("in its own spelling only: bint without the dot belongs to nobody", async () => {
    expect((await problems('require("bint")', "aos")).map(({ code }) => code)).toEqual([
      "LUA_MODULE_MISSING",
    ]);
    await expect(evaluate('return require("bint")')).rejects.toThrow(/module 'bint' not found/);
  });

  test("unless this image lacks it: then a project's file has the name", async () => {
    const files = { "main.lua": 'R = require(".boot")', "boot.lua": 'return "own"' };
    expect((await bundled(files, { image: "aos-sqlite" })).modules.map(({ file }) => file)).toEqual([
      "boot.lua",
      "main.lua",
    ]);
    expect((await bundled(files, { image: "aos" })).modules.map(({ file }) => file)).toEqual(["main.lua"]);
  });
});

test("what an image with a small stack cannot evaluate is refused in the plan, with JSON's limits", async () => {
  const made = async (bytes: number) =>
    await bundled({ "main.lua": `R = [[${"\n".repeat(bytes / 2)}${"x".repeat(bytes / 2)}]]` });
  const sqlite = imageModules("aos-sqlite");
  const small = await made(20_000);
  expect(() => checkImage(small, sqlite, 3_000)).not.toThrow();
  const [loaded] = await aos([{ eval: `${small.text}\nreturn tostring(#R)` }], "sqlite");
  expect(loaded).toMatchObject({ error: undefined, output: "19999" });
  const large = await made(50_000);
  expect(() => checkImage(large, sqlite, 3_000)).toThrow(/aos-sqlite.*at most 60 kB/s);
  await expect(aos([{ eval: large.text }], "sqlite")).rejects.toThrow("out of bounds");
  expect(() => checkImage(large, imageModules("aos"), 3_000)).not.toThrow();
});

describe("an unknown image", () => {
  test("is assumed to have a leading-dot name that is not a file, with a warning", async () => {
    const text = 'local a = require(".native")\nlocal b = require(".native")\nlocal c = require(".utils")';
    const { warnings } = await bundled({ "main.lua": text }, { image: UNKNOWN });
    expect(warnings.map(({ code, at, got }) => ({ code, at, got }))).toEqual([
      {
        code: "LUA_MODULE_ASSUMED",
        at: "main.lua:1:11",
        got: `the image ${UNKNOWN}, whose modules are unknown`,
      },
    ]);
    expect((await problems('require("native")', UNKNOWN)).map(({ code }) => code)).toEqual([
      "LUA_MODULE_MISSING",
    ]);
  });

  test("that lacks the module fails the load at the user's line", async () => {
    const { text, map } = await bundled({ "main.lua": '\nlocal a = require(".native")' }, { image: UNKNOWN });
    const [loaded] = await aos([{ eval: text }]);
    expect(explainLuaError(loaded?.error ?? "", map)).toMatchObject({
      file: "main.lua",
      line: 2,
      message: expect.stringContaining("module '.native' not found"),
    });
  });

  test("in a WebAssembly file of the project has its modules read from its bytes", async () => {
    for (const { name, read } of aosImages()) {
      const own = wasmModules("own.wasm", read());
      const known = imageModules(name);
      for (const module of [...IN_EVERY_IMAGE, ".ao", ".assignment", ".boot", "lsqlite3", ".native", "bint"])
        expect([name, module, own.carries(module)]).toEqual([name, module, known.carries(module)]);
    }
    const own = wasmModules("own.wasm", readFileSync(new URL(import.meta.url)));
    expect((await problems('require(".nati")', own)).map(({ code }) => code)).toEqual(["LUA_MODULE_MISSING"]);
  });
});
