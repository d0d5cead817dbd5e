import type * as pulumi from "@pulumi/pulumi";

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
  };
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
  return {
    kind: kind as "legacy",
    gatewayUrl: config.require("gatewayUrl"),
    muUrl: config.require("muUrl"),
    cuUrl: config.require("cuUrl"),
    scheduler: config.require("scheduler"),
    authority: config.require("authority"),
  };
}
