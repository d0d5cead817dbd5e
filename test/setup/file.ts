import { relative } from "node:path";
import { expect } from "vitest";
import { FILE } from "./processes.ts";

/** Tells a process that is left behind from another file's. */
process.env[FILE] = relative(process.cwd(), expect.getState().testPath ?? "");

// A listener that outlives its call is a leak, of which Node prints a warning at the eleventh.
process.on("warning", (warning) => {
  if (warning.name === "MaxListenersExceededWarning") throw warning;
});
