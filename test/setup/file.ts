import { relative } from "node:path";
import { expect } from "vitest";
import { FILE } from "./processes.ts";

/** So that a process which is left can be told from another file's. */
process.env[FILE] = relative(process.cwd(), expect.getState().testPath ?? "");
