import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { FleetError, formatProblem } from "../src/core/errors.ts";
import type { Kind, StrategyInput } from "../src/delivery/strategy.ts";
import { namesIn, readRunRequest } from "../src/fleet/session/run-request.ts";
import type { OverridesInput, OverridesText } from "./declaration.ts";
import { networkSetting } from "./network-setting.ts";
import { projectFile } from "./project-file.ts";
import { type StackValues, settingProblems } from "./setting-problems.ts";
import { defaultOf, type SettingKey } from "./setting-table.ts";

/**
 * The stack's config as parts of a fleet's declaration. Every setting has a type, and most have a default (`setting-table.ts`);
 * whether a value is a good one is checked with the declaration as a whole.
 *
 * @throws pulumi.RunError with every problem of the stack's settings at once: SETTING_INVALID, SETTING_UNKNOWN, SETTING_ELSEWHERE; or of its
 * environment variables: RUN_VARIABLE_INVALID
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
    ...(only.length > 0 ? { only } : {}),
    ...strategyOf(config),
    ...ofStack(config),
  };
}

/** The members that this run is about: as it was told, else as the stack says. */
function onlyOf(config: pulumi.Config): string[] {
  try {
    return readRunRequest().only ?? namesIn(config.get("only") ?? "");
  } catch (error) {
    if (error instanceof FleetError) throw new pulumi.RunError(error.message);
    throw error;
  }
}

/**
 * How new code comes into use, where the stack says so: a kind (`sequential`), or all of a strategy as JSON. What is no strategy is
 * handed on as it is, and refused where the declaration is checked.
 */
function strategyOf(config: pulumi.Config): { strategy?: StrategyInput } {
  const given = text(config, "strategy");
  if (given === "") return {};
  const kind = { kind: given as Kind };
  if (!given.trimStart().startsWith("{")) return { strategy: kind };
  try {
    return { strategy: JSON.parse(given) as StrategyInput };
  } catch {
    return { strategy: kind };
  }
}

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
function overridesOf(config: pulumi.Config): OverridesInput | undefined {
  const key = "overrides";
  const secret = secretKeys().includes(`${config.name}:${key}`);
  if (!secret) return config.getObject<OverridesText>(key);
  return config.getSecretObject<OverridesText>(key);
}

/** Keys of the stack's config that are secrets, as Pulumi tells a program. */
function secretKeys(): readonly string[] {
  const keys: unknown = JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS || "[]");
  return Array.isArray(keys) ? keys.map(String) : [];
}

/**
 * Settings that every game service of the guide's fleet gets.
 *
 * @throws pulumi.RunError as `settings` does
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
 * Spawn tags of the guide's admin process: a round of health checks by a cron, which the messenger unit is asked to drive. A stack
 * chooses it (`healthCronSeconds`), since every message of a round is permanent.
 *
 * @returns no tags where the stack has no cron
 * @throws pulumi.RunError as `settings` does
 */
export function healthCron(config: pulumi.Config): Record<string, string> {
  checkSettings(config);
  const every = number(config, "healthCronSeconds");
  return every > 0 ? { "Cron-Interval": `${every}-seconds`, "Cron-Tag-Action": "PERIODIC_HEALTH_CHECK" } : {};
}

/** The value that the stack has, or the default. */
function text(config: pulumi.Config, key: SettingKey): string {
  return config.get(key) ?? defaultOf(key) ?? "";
}

const number = (config: pulumi.Config, key: SettingKey): number => Number(text(config, key));

/** All of the stack's settings, whoever asks for some of them: nobody should need a preview for each mistake. */
function checkSettings(config: pulumi.Config): void {
  const problems = settingProblems(valuesOf(config));
  if (problems.length > 0) throw new pulumi.RunError(problems.map(formatProblem).join("\n"));
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

/** Keys under `config` in the project's file; none when it cannot be read, which Pulumi has judged before. */
function declaredKeys(from: string): string[] {
  const file = projectFile(from);
  if (file === undefined) return [];
  const project = parse(readFileSync(file, "utf8")) as { config?: unknown } | null;
  return Object.keys(project?.config ?? {});
}
