import { isObject } from "./reply.ts";

/** A value that a process refuses. */
export interface ConfigProblem {
  path: string;
  got: string;
  expected: string;
}

type Check = readonly [expected: string, test: (value: unknown) => boolean];
/** Kept and reported, but nothing on AO can enforce them. */
const IDLE: Readonly<Record<string, readonly string[]>> = {
  RESOURCE_LIMITS: ["maxConnections", "maxCpuPercent", "maxStorageMB"],
  SECURITY_CONFIG: ["encryptionEnabled"],
};

const positive: Check = ["a number above 0", (value) => typeof value === "number" && value > 0];
const bool: Check = ["a boolean", (value) => typeof value === "boolean"];
const text: Check = ["a text", (value) => typeof value === "string"];

/** The six config types; `*` is the check of every key. */
const TYPES: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  PROCESS_CONFIG: {
    processType: text,
    maxConcurrentRequests: positive,
    requestTimeout: positive,
    enableMetrics: bool,
  },
  ENVIRONMENT_VARS: { "*": text },
  RESOURCE_LIMITS: {
    maxMemoryMB: positive,
    maxConnections: positive,
    maxStorageMB: positive,
    maxCpuPercent: ["1 to 100", (value) => typeof value === "number" && value >= 1 && value <= 100],
  },
  SECURITY_CONFIG: { authLevel: text, encryptionEnabled: bool },
  LOGGING_CONFIG: {
    logLevel: [
      "one of DEBUG INFO WARN ERROR FATAL",
      (value) => ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"].includes(String(value)),
    ],
  },
  MONITORING_CONFIG: { metricsEnabled: bool, healthCheckInterval: positive },
};

/** Every problem of a config, at its path. */
export function checkConfig(configType: string, configData: unknown): ConfigProblem[] {
  const keys = TYPES[configType];
  if (!keys)
    return [{ path: "configType", got: configType, expected: `one of ${Object.keys(TYPES).join(" ")}` }];
  if (!isObject(configData)) return [{ path: "configData", got: typeof configData, expected: "a table" }];
  return Object.entries(configData).flatMap(([key, value]) => {
    const check = keys["*"] ?? keys[key];
    if (!check)
      return [
        {
          path: `configData.${key}`,
          got: "an unknown key",
          expected: `one of ${Object.keys(keys).join(" ")}`,
        },
      ];
    return check[1](value) ? [] : [{ path: `configData.${key}`, got: String(value), expected: check[0] }];
  });
}

/** The keys of a config that are kept and reported only. */
export function notEnforceable(configType: string, configData: unknown): string[] {
  return (IDLE[configType] ?? []).filter((key) => isObject(configData) && configData[key] !== undefined);
}

/** 2 > 1 · "1.10.0" > "1.9". */
export function compareVersions(a: string | number, b: string | number): number {
  const [left, right] = [a, b].map((version) => String(version).split(/[.+-]/)) as [string[], string[]];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [x, y] = [left[at] ?? "0", right[at] ?? "0"];
    const order =
      Number.isNaN(Number(x)) || Number.isNaN(Number(y)) ? x.localeCompare(y) : Number(x) - Number(y);
    if (order !== 0) return order;
  }
  return 0;
}
