import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const files = globSync("processes/*/*.lua", { cwd: ROOT });
const textOf = (file: string) => readFileSync(join(ROOT, file), "utf8");

test("every process can be copied into a project alone: it requires only its own folder and the library", () => {
  expect(files.length).toBeGreaterThan(50);
  const missing = files.flatMap((file) =>
    [...textOf(file).matchAll(/require\("([\w.-]+)"\)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !/^(fleet|monitor)(\.|$)/.test(name))
      .filter((name) => !existsSync(join(ROOT, dirname(file), `${name}.lua`)))
      .map((name) => `${file}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test("files that several processes share are equal", () => {
  for (const shared of ["enforce.lua", "caller.lua"]) {
    const copies = files.filter((file) => basename(file) === shared);
    expect(copies.length).toBeGreaterThan(2);
    expect(new Set(copies.map(textOf)).size, shared).toBe(1);
  }
});
