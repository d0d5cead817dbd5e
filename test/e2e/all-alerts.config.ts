import { defineConfig } from "vitest/config";
import { shared } from "../../vitest.config.ts";

/** `npx vitest run --config test/e2e/all-alerts.config.ts`: every fault as seen by monitor, metrics and dashboard, too long for every run of the tests. */
export default defineConfig({ test: { ...shared, include: ["test/e2e/all-alerts.ts"] } });
