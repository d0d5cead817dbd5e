import { luaModule } from "../../bundler/index.ts";
import { type Rule, ruleOf } from "./rules.ts";
import { CONFIG_TYPES } from "./types.ts";

/** The rules of the built-in types. */
export const RULES: Readonly<Record<string, Rule>> = Object.fromEntries(
  Object.entries(CONFIG_TYPES).map(([name, schema]) => [name, ruleOf(schema).rule]),
);

/** The content of `src/runtime/fleet/config-rules.lua`. Pure. */
export const luaRules = (): string =>
  luaModule(
    [
      "Allowed values of each setting. Generated from src/fleet/config/types.ts by `npm run docs`; a test compares the two.",
    ],
    Object.fromEntries(Object.entries(RULES).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
