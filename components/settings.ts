import type * as pulumi from "@pulumi/pulumi";
import type { Kind, StrategyInput } from "../delivery/strategy.ts";

/**
 * The stack's config as parts of a fleet's declaration. Keys, types, defaults and descriptions are in `Pulumi.yaml`, so
 * here every value exists; whether it is a good one is checked with the declaration as a whole.
 */
export function settings(config: pulumi.Config) {
  const only = (process.env.FLEET_ONLY ?? config.get("only") ?? "")
    .split(/[\s,]+/)
    .filter((name) => name !== "");
  return {
    network: networkOf(config),
    module: config.require("module"),
    version: config.require("version"),
    health: {
      timeoutSeconds: config.requireNumber("healthTimeoutSeconds"),
      intervalSeconds: config.requireNumber("healthIntervalSeconds"),
      retries: config.requireNumber("healthRetries"),
    },
    timeoutSeconds: config.requireNumber("timeoutSeconds"),
    protect: config.requireBoolean("protect"),
    ...(only.length > 0 ? { only } : {}),
    ...strategyOf(config),
    ...ofStack(config),
  };
}

/**
 * How new code comes into use, where the stack says so: a kind (`sequential`), or all of a strategy as JSON. What is no strategy is
 * handed on as it is, and refused where the declaration is checked.
 */
function strategyOf(config: pulumi.Config): { strategy?: StrategyInput } {
  const given = config.get("strategy");
  if (given === undefined || given === "") return {};
  if (!given.trimStart().startsWith("{")) return { strategy: { kind: given as Kind } };
  try {
    return { strategy: JSON.parse(given) as StrategyInput };
  } catch {
    return { strategy: given as unknown as StrategyInput };
  }
}

type Overrides = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;

/** What the stack's config says of members' settings, where it says anything: `overrides`, `secrets` and `sealTo`. */
function ofStack(config: pulumi.Config) {
  const secrets = config.getSecretObject<Record<string, Record<string, Record<string, string>>>>("secrets");
  const sealTo = config.get("sealTo");
  const overrides = overridesOf(config);
  return {
    ...(secrets === undefined ? {} : { secretOverrides: secrets }),
    ...(sealTo === undefined ? {} : { sealTo }),
    ...(overrides === undefined ? {} : { overrides }),
  };
}

/** One secret in it makes all of it secret: then it is handed on as such, and refused where it is looked at. */
function overridesOf(config: pulumi.Config): Overrides | undefined {
  const key = "overrides";
  const secret = secretKeys().includes(`${config.name}:${key}`);
  if (!secret) return config.getObject<Overrides>(key);
  return config.getSecretObject<Overrides>(key) as unknown as Overrides;
}

/** Keys of the stack's config that are secrets, as Pulumi tells a program. */
function secretKeys(): readonly string[] {
  const keys: unknown = JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS || "[]");
  return Array.isArray(keys) ? keys.map(String) : [];
}

/** Settings that every game service of the guide's fleet gets. */
export function serviceConfig(config: pulumi.Config) {
  return {
    PROCESS_CONFIG: {
      maxConcurrentRequests: config.requireNumber("maxConcurrentRequests"),
      requestTimeout: config.requireNumber("requestTimeoutMs"),
      enableMetrics: true,
    },
  };
}

function networkOf(config: pulumi.Config) {
  const kind = config.require("network");
  if (kind === "local") return { kind: "local" as const, dir: config.require("localDir") };
  const uploadUrl = config.get("uploadUrl") ?? "";
  const suUrl = config.get("suUrl") ?? "";
  const maxMessageBytes = config.getNumber("maxMessageBytes");
  return {
    kind: kind as "legacy",
    gatewayUrl: config.require("gatewayUrl"),
    muUrl: config.require("muUrl"),
    cuUrl: config.require("cuUrl"),
    scheduler: config.require("scheduler"),
    authority: config.require("authority"),
    ...(suUrl === "" ? {} : { suUrl }),
    ...(uploadUrl === "" ? {} : { uploadUrl }),
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
  };
}
