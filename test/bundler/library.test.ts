import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { bundle } from "../../src/bundler/index.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";

const PROGRAM = 'local fleet = require("fleet")\nlocal json = require("json")\nreturn fleet, json\n';

/** A project in one place, with the library in another. */
async function bundled(layout: {
  readonly project: string;
  readonly library: string;
  /** Whether the library's folder is a symbolic link. */
  readonly linked?: true;
  readonly files?: Record<string, string>;
  readonly search?: string[];
}) {
  const top = temporaryFolder("library");
  const [root, library] = [join(top, layout.project), join(top, layout.library)];
  writeFiles({ "processes/counter/process.lua": PROGRAM, ...layout.files }, root);
  mkdirSync(dirname(library), { recursive: true });
  const source = join(packageDir, "src/runtime");
  if (layout.linked) symlinkSync(source, library);
  else cpSync(source, library, { recursive: true });
  return bundle({
    name: "counter",
    entry: "processes/counter/process.lua",
    root,
    search: [...(layout.search ?? []), "processes/lib", library, "processes"],
    library: { folder: library, label: "ao-fleet" },
    prelude: [join(library, "fleet/init.lua")],
  });
}

test("a program's bytes do not depend on where the library is installed", async () => {
  const places = [
    { project: "own", library: "own/node_modules/ao-fleet/dist/src/runtime" },
    { project: "work/packages/own", library: "work/node_modules/ao-fleet/dist/src/runtime" },
    { project: "own", library: "own/node_modules/.pnpm/ao-fleet@1/node_modules/ao-fleet/dist/src/runtime" },
    { project: "mit Leerzeichen/größe 日本", library: "mit Leerzeichen/node_modules/ao-fleet/src/runtime" },
    { project: "own", library: "a clone/src/runtime" },
    { project: "own", library: "own/node_modules/ao-fleet/src/runtime", linked: true as const },
    { project: "own", library: "own/node_modules/ao-fleet/lib", search: ["."] },
  ];
  const bundles = await Promise.all(places.map(bundled));
  expect(new Set(bundles.map(({ hash }) => hash)).size).toBe(1);
  const files = bundles[0]?.modules.map(({ file }) => file) ?? [];
  expect(files).toContain("processes/counter/process.lua");
  expect(files).toContain("ao-fleet/fleet/init.lua");
  expect(files.filter((file) => !/^(ao-fleet\/fleet|processes\/counter)\//.test(file))).toEqual([]);
  expect(bundles[0]?.modules.find(({ file }) => file === "ao-fleet/fleet/init.lua")?.name).toBe("fleet");
});

test("a project's own files do not replace the library's", async () => {
  const trap = 'error("not the library")\n';
  const made = await bundled({
    project: "own",
    library: "own/node_modules/ao-fleet/dist/src/runtime",
    files: {
      "processes/counter/fleet/health.lua": trap,
      "fleet/state.lua": trap,
      "processes/fleet/envelope.lua": trap,
      "processes/lib/fleet/registry.lua": trap,
    },
  });
  expect(made.text).not.toContain("not the library");
});
