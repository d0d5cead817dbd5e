import { defineConfig } from "vitest/config";
import { shared } from "../../vitest.config.ts";

/** `npx vitest run --config test/rollback/all-rollbacks.config.ts`: rollbacks that are too long for every run of the tests. */
export default defineConfig({
  test: { ...shared, include: ["test/rollback/all-*.ts"], exclude: ["**/*.config.ts"] },
});
