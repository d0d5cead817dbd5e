import { defineConfig } from "vitest/config";
import { shared } from "../../vitest.config.ts";

/** `npx vitest run --config test/e2e/all-teams.config.ts`: two operators on S3 and on PostgreSQL. Installs the two servers, so it is no part of the suite. */
export default defineConfig({ test: { ...shared, maxWorkers: 1, include: ["test/e2e/all-teams.ts"] } });
