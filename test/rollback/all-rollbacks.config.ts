import { mergeConfig } from "vitest/config";
import config from "../../vitest.config.ts";

/** `npx vitest run --config test/rollback/all-rollbacks.config.ts`: rollbacks that are too long for every run of the tests. */
export default {
  ...mergeConfig(config, {}),
  test: { ...config.test, include: ["test/rollback/all-*.ts"], exclude: ["**/*.config.ts"] },
};
