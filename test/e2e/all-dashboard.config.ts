import { defineConfig } from "vitest/config";
import { shared } from "../../vitest.config.ts";

/** `npx vitest run --config test/e2e/all-dashboard.config.ts`: a person's actions on the page take effect on the network, too long for every run of the tests. */
export default defineConfig({ test: { ...shared, include: ["test/e2e/all-dashboard.ts"] } });
