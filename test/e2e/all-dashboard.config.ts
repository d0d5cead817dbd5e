import { mergeConfig } from "vitest/config";
import config from "../../vitest.config.ts";

/** `npx vitest run --config test/e2e/all-dashboard.config.ts`: what a person changes on the page is changed on the network, too long for every run of the tests. */
export default {
  ...mergeConfig(config, {}),
  test: { ...config.test, include: ["test/e2e/all-dashboard.ts"] },
};
