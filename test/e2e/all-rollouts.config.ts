import { defineConfig } from "vitest/config";
import { shared } from "../../vitest.config.ts";

/** `npx vitest run --config test/e2e/all-rollouts.config.ts`: a release by each strategy, too long for every run of the tests. */
export default defineConfig({ test: { ...shared, include: ["test/e2e/all-rollouts.ts"] } });
