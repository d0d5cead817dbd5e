import { defineConfig } from "vitest/config";
import { shared } from "../../../vitest.config.ts";

/** `npx vitest run --config test/ao/port/all-node.config.ts`: the contract of the port against a node that others run. */
export default defineConfig({ test: { ...shared, include: ["test/ao/port/all-node.ts"] } });
