import { relative } from "node:path";
import { expect } from "vitest";
import { FILE } from "./processes.ts";

/** Tells a process that is left behind from another file's. */
process.env[FILE] = relative(process.cwd(), expect.getState().testPath ?? "");
