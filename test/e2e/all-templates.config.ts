import { defineConfig } from "vitest/config";
import { shared } from "../../vitest.config.ts";

/** `npx vitest run --config test/e2e/all-templates.config.ts`: every template on both protocols, too long for every run of the tests. */
export default defineConfig({ test: { ...shared, include: ["test/e2e/all-templates.ts"] } });
