/**
 * `node docs/lua-data.ts`: generates the library's Lua files with data from TypeScript, so that processes and commands use the same values.
 * A test compares the files with the generated text.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AOS_GLOBALS, luaModule } from "../src/bundler/index.ts";
import { FAULT_CODES } from "../src/delivery/faults.ts";
import { DEPLOYMENT_STRATEGIES, TrafficStrategySchema } from "../src/delivery/strategy.ts";
import { HOLD_CODES } from "../src/delivery/wire.ts";
import { luaRules } from "../src/fleet/config/lua.ts";
import { ruleOf } from "../src/fleet/config/rules.ts";
import { CHECK_KINDS, CHECK_SETS, PERFORMANCE_SAMPLE } from "../src/fleet/health/check-types.ts";
import { ROLLBACK_NEXT, ROLLBACK_TYPES } from "../src/fleet/protocol/rollback.ts";
import { MAX_ALERTS, POLICY } from "../src/monitor/alert-book.ts";
import { AdminLimitsSchema, CHECK_LIMITS, DEPLOYMENT_LIMITS } from "../src/monitor/limits.ts";
import { LEVELS, TYPES } from "../src/monitor/types.ts";
import { packageDir } from "../src/toolchain/paths.ts";

/** Path in src/runtime → text. */
export const generated: ReadonlyMap<string, string> = new Map([
  ["fleet/config-rules.lua", luaRules()],
  [
    "fleet/check-types.lua",
    luaModule(
      [
        "The kinds of health checks, the kinds that each checkType of a request runs, the names of these sets, and the limits of PERFORMANCE.",
        "Generated from src/fleet/health/check-types.ts and src/monitor/limits.ts by `npm run docs`; a test compares them.",
      ],
      {
        kinds: CHECK_KINDS,
        sets: CHECK_SETS,
        names: Object.keys(CHECK_SETS).sort(),
        performance: { errorRate: CHECK_LIMITS.errorRate, sample: PERFORMANCE_SAMPLE },
      },
    ),
  ],
  [
    "fleet/image-globals.lua",
    luaModule(
      [
        "The globals that a new process of any aos image has.",
        "Generated from src/bundler/aos-images.ts by `npm run docs`; a test compares the two.",
      ],
      Object.fromEntries([...AOS_GLOBALS].map((name) => [name, true])),
    ),
  ],
  [
    "fleet/rollback-enums.lua",
    luaModule(
      [
        "The types of a rollback, and the phases that may follow each of its phases.",
        "Generated from src/fleet/protocol/rollback.ts by `npm run docs`; a test compares the two.",
      ],
      { types: ROLLBACK_TYPES, next: ROLLBACK_NEXT },
    ),
  ],
  [
    "fleet/rollout-enums.lua",
    luaModule(
      ["The enums of a rollout. Generated from src/delivery by `npm run docs`; a test compares the two."],
      {
        deploymentStrategies: DEPLOYMENT_STRATEGIES,
        trafficStrategies: TrafficStrategySchema.options,
        holdCodes: HOLD_CODES,
        faultCodes: FAULT_CODES,
      },
    ),
  ],
  [
    "monitor/defaults.lua",
    luaModule(
      [
        "The alert types with their default levels, the lifecycle of alerts, and the thresholds. Times in milliseconds, shares from 0 to 1.",
        "Generated from src/monitor by `npm run docs`; a test compares the two.",
      ],
      {
        levels: LEVELS,
        types: TYPES,
        alerts: { ...POLICY, most: MAX_ALERTS },
        checks: CHECK_LIMITS,
        deployments: DEPLOYMENT_LIMITS,
      },
    ),
  ],
  [
    "monitor/threshold-rules.lua",
    luaModule(
      [
        "Allowed values of the admin process' thresholds. Generated from src/monitor by `npm run docs`; a test compares the two.",
      ],
      ruleOf(AdminLimitsSchema).rule.fields ?? {},
    ),
  ],
]);

if (import.meta.main)
  for (const [file, text] of generated) writeFileSync(join(packageDir, "src", "runtime", file), text);
