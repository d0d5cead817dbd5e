import * as pulumi from "@pulumi/pulumi";
import { FleetError } from "../src/core/errors.ts";
import type { Kind, StrategyInput } from "../src/delivery/strategy.ts";
import type { CronDriver } from "../src/fleet/crons.ts";
import { settingsIn } from "../src/fleet/session/pulumi-files.ts";
import { namesIn, readRunRequest } from "../src/fleet/session/run-request.ts";
import type { OverridesInput, OverridesText } from "./fleet-input.ts";
import { networkSetting } from "./network-setting.ts";
import { projectFile } from "./project-file.ts";
import { runError } from "./run-error.ts";
import { secretKeys } from "./secret-config.ts";
import { isJsonStrategy, type StackValues, settingProblems } from "./setting-problems.ts";
import { defaultOf, type SettingKey } from "./setting-table.ts";

/**
 * Reads the stack's config as part of a fleet's declaration: network, module, version, health, crons, strategy, overrides and secrets. Every
 * setting has a type, and most have a default (docs/how-to/configure.md). Ranges are checked with the declaration as a whole.
 *
 * @param config the project's config: `new pulumi.Config()`
 * @returns fields of `FleetInput`, to be spread into the declaration
 * @throws pulumi.RunError with every problem of the stack's settings at once (SETTING_INVALID, SETTING_UNKNOWN, SETTING_ELSEWHERE), or of
 * the environment variables (RUN_VARIABLE_INVALID)
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { Fleet, settings } from "ao-fleet";
 *
 * const fleet = await Fleet.create("shop", {
 *   ...settings(new pulumi.Config()),
 *   processes: { shop: {} },
 * });
 * ```
 */
export function settings(config: pulumi.Config) {
  checkSettings(config);
  const only = onlyOf(config);
  return {
    network: networkSetting((key) => text(config, key)),
    module: text(config, "module"),
    version: text(config, "version"),
    health: {
      timeoutSeconds: number(config, "healthTimeoutSeconds"),
      intervalSeconds: number(config, "healthIntervalSeconds"),
      retries: number(config, "healthRetries"),
    },
    timeoutSeconds: number(config, "timeoutSeconds"),
    protect: text(config, "protect") === "true",
    retainOnDelete: text(config, "retainOnDelete") === "true",
    // An unknown driver is refused when the declaration is checked.
    cronDriver: text(config, "cronDriver") as CronDriver,
    ...(only.length > 0 ? { only } : {}),
    ...strategyOf(config),
    ...ofStack(config),
  };
}

/** The members to deploy: those of the run's request, otherwise those of the stack's setting. */
function onlyOf(config: pulumi.Config): string[] {
  try {
    return readRunRequest().only ?? namesIn(config.get("only") ?? "");
  } catch (error) {
    if (error instanceof FleetError) throw runError(error.problems);
    throw error;
  }
}

/** The stack's rollout strategy, if it is set: a kind (`sequential`), or a complete strategy as JSON, which `checkSettings` has parsed. */
function strategyOf(config: pulumi.Config): { strategy?: StrategyInput } {
  const value = text(config, "strategy");
  if (value === "") return {};
  // An unknown kind is refused when the declaration is checked.
  return { strategy: isJsonStrategy(value) ? (JSON.parse(value) as StrategyInput) : { kind: value as Kind } };
}

/** The members' settings in the stack's config, if there are any: `overrides`, `secrets` and `sealTo`. */
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

/** One secret in `overrides` makes the whole object secret. It is then passed on as an output, which the plan rejects. */
function overridesOf(config: pulumi.Config): OverridesInput | undefined {
  const key = "overrides";
  const secret = secretKeys().includes(`${config.name}:${key}`);
  if (!secret) return config.getObject<OverridesText>(key);
  return config.getSecretObject<OverridesText>(key);
}

/**
 * Settings of a service, from the stack's `maxConcurrentRequests` and `requestTimeoutMs` (milliseconds), with metrics enabled.
 *
 * @param config the project's config: `new pulumi.Config()`
 * @returns settings for the `config` of a member
 * @throws pulumi.RunError as `settings` does
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { Fleet, serviceConfig, settings } from "ao-fleet";
 *
 * const config = new pulumi.Config();
 * const fleet = await Fleet.create("shop", {
 *   ...settings(config),
 *   processes: { shop: { config: serviceConfig(config) } },
 * });
 * ```
 */
export function serviceConfig(config: pulumi.Config) {
  checkSettings(config);
  return {
    PROCESS_CONFIG: {
      maxConcurrentRequests: number(config, "maxConcurrentRequests"),
      requestTimeout: number(config, "requestTimeoutMs"),
      enableMetrics: true,
    },
  };
}

/**
 * Tags for a cron that sends `PERIODIC_HEALTH_CHECK` every `healthCronSeconds`, driven as `cronDriver` says. The stack decides, because every
 * message of a round of health checks is permanent.
 *
 * @param config the project's config: `new pulumi.Config()`
 * @returns tags for a member; none if `healthCronSeconds` is 0, or on the HyperBEAM node of the embedded network without `cronDriver: monitor`
 * @throws pulumi.RunError as `settings` does
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { Fleet, healthCron, settings } from "ao-fleet";
 *
 * const config = new pulumi.Config();
 * const fleet = await Fleet.create("shop", {
 *   ...settings(config),
 *   processes: { admin: { peers: ["shop"], tags: healthCron(config) }, shop: {} },
 * });
 * ```
 */
export function healthCron(config: pulumi.Config): Record<string, string> {
  checkSettings(config);
  const every = number(config, "healthCronSeconds");
  if (every <= 0 || isEmbeddedNode(config)) return {};
  return { "Cron-Interval": `${every}-seconds`, "Cron-Tag-Action": "PERIODIC_HEALTH_CHECK" };
}

/**
 * Whether the stack runs on the HyperBEAM node of the embedded network, and nobody drives crons there. One setting puts a dev stack on it,
 * and the dev stack's cron is a default of the set-up. A cron of a stack on a real node was chosen, so its preview fails (CRON_NOT_DRIVEN).
 */
const isEmbeddedNode = (config: pulumi.Config): boolean =>
  text(config, "network") === "local" &&
  text(config, "localProtocol") === "mainnet" &&
  text(config, "cronDriver") !== "monitor";

/** The stack's value, otherwise the default. */
function text(config: pulumi.Config, key: SettingKey): string {
  return config.get(key) ?? defaultOf(key) ?? "";
}

const number = (config: pulumi.Config, key: SettingKey): number => Number(text(config, key));

/** Checks all of the stack's settings, whichever were asked for, so that one preview reports every mistake. */
function checkSettings(config: pulumi.Config): void {
  const problems = settingProblems(valuesOf(config));
  if (problems.length > 0) throw runError(problems);
}

function valuesOf(config: pulumi.Config): StackValues {
  return {
    project: config.name,
    stack: pulumi.getStack(),
    values: pulumi.runtime.allConfig(),
    secret: secretKeys(),
    declared: declaredKeys(process.cwd()),
  };
}

/** Keys under `config` in the project file; none if there is no file. */
function declaredKeys(from: string): string[] {
  const project = settingsIn(projectFile(from)) as { config?: unknown } | null | undefined;
  return Object.keys(project?.config ?? {});
}
