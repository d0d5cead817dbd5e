import { mergeConfig } from "vitest/config";
import config from "../../../vitest.config.ts";

/** `npx vitest run --config test/ao/port/all-node.config.ts`: the contract of the port against a node that others run. */
export default {
  ...mergeConfig(config, {}),
  test: { ...config.test, include: ["test/ao/port/all-node.ts"] },
};
