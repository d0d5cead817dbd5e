import { relative } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { fileEnds } from "./at-end.ts";
import { FILE } from "./processes.ts";
import { COMPILED } from "./shared.ts";

/** Tells a process that is left behind from another file's. */
process.env[FILE] = relative(process.cwd(), expect.getState().testPath ?? "");
// Node reads them at its start: these are programs that the tests start. The network's daemon has a variable of its own for Node's options.
const compiled = process.env[COMPILED];
if (compiled !== undefined) process.env.NODE_COMPILE_CACHE = compiled;
const preload = `--import=${new URL("stripped.mjs", import.meta.url).href}`;
for (const name of ["NODE_OPTIONS", "FLEET_LOCALNET_NODE_OPTIONS"]) {
  const given = process.env[name];
  if (given?.includes(preload) !== true) process.env[name] = given ? `${given} ${preload}` : preload;
}

// A listener that outlives its call is a leak, of which Node prints a warning at the eleventh. Some files share their process.
const LISTENS = Symbol.for("ao-fleet.tests.listens");
if (!(LISTENS in process)) {
  Object.defineProperty(process, LISTENS, { value: true });
  process.on("warning", (warning) => {
    if (warning.name === "MaxListenersExceededWarning") throw warning;
  });
}

/** What the next file in the same process finds. */
const found = () => ({
  cwd: process.cwd(),
  environment: { ...process.env },
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  exitCode: process.exitCode,
});

if (process.env.FLEET_TESTS_TOGETHER !== undefined) {
  let before: ReturnType<typeof found>;
  // What modules set when they are loaded, they set once.
  beforeAll(() => {
    before = found();
  });
  afterAll(async () => {
    for (const end of fileEnds()) await end();
  });
  // A file whose tests change it needs a process of its own: remove it from the list in vitest.config.ts.
  afterAll(() => expect(found()).toEqual(before));
}
