import { z } from "zod";
import type { Rule } from "../src/fleet/config/rules.ts";
import { SecretValue } from "./secret-value.ts";

/** Settings by config type. */
type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
/** Secrets by config type. */
type Secrets = Readonly<Record<string, Readonly<Record<string, SecretValue>>>>;

/** The sources of one member's settings. */
interface ConfigParts {
  readonly config?: Settings | undefined;
  readonly secrets?: Secrets | undefined;
  readonly sealTo?: string | undefined;
}

/** The sources of all members' settings. */
export interface FleetConfigParts extends ConfigParts {
  /** The stack's settings: member's name or `*` → config type → setting. */
  readonly overrides?: Readonly<Record<string, Settings>> | undefined;
  /** The stack's secrets, in the same form. */
  readonly secretOverrides?: Readonly<Record<string, Secrets>> | undefined;
  readonly configTypes?: Readonly<Record<string, z.ZodType>> | undefined;
  readonly processes: Readonly<Record<string, ConfigParts>>;
}

/** The settings of a member, each with its origin. */
export interface MemberConfig {
  readonly data: Settings;
  readonly secrets: Secrets;
  readonly sealTo?: string;
  /** Rules of the fleet's own config types that the member has settings of. */
  readonly rules: Readonly<Record<string, Rule>>;
  /** Config type → setting → path in the declaration of the layer that sets it. */
  readonly origins: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Members that settings refer to, in order. */
  readonly named: readonly string[];
}

interface Layer {
  readonly path: string;
  readonly settings: Settings;
}

/**
 * Merges the layers of one member's settings: the last layer that has a setting wins. Pure.
 *
 * @param own rules of the fleet's own config types
 */
export function mergedSettings(
  fleet: FleetConfigParts,
  name: string,
  own: Readonly<Record<string, Rule>>,
): MemberConfig {
  const process = fleet.processes[name] ?? {};
  const layers: Layer[] = [
    { path: "config", settings: fleet.config ?? {} },
    { path: `processes.${name}.config`, settings: process.config ?? {} },
    { path: "overrides.*", settings: fleet.overrides?.["*"] ?? {} },
    { path: `overrides.${name}`, settings: fleet.overrides?.[name] ?? {} },
  ];
  const data: Record<string, Record<string, unknown>> = {};
  const secrets: Record<string, Record<string, SecretValue>> = {};
  const origins: Record<string, Record<string, string>> = {};
  for (const { path, settings } of layers) {
    for (const [type, fields] of Object.entries(settings)) {
      data[type] ??= {};
      for (const [key, value] of Object.entries(fields)) {
        if (value === undefined) continue;
        data[type][key] = value;
        origins[type] = { ...origins[type], [key]: path };
      }
    }
  }
  for (const { path, settings } of [
    { path: "secrets", settings: fleet.secrets ?? {} },
    { path: `processes.${name}.secrets`, settings: process.secrets ?? {} },
    { path: "secretOverrides.*", settings: fleet.secretOverrides?.["*"] ?? {} },
    { path: `secretOverrides.${name}`, settings: fleet.secretOverrides?.[name] ?? {} },
  ]) {
    for (const [type, fields] of Object.entries(settings)) {
      const { ...open } = data[type] ?? {};
      for (const [key, secret] of Object.entries(fields)) {
        secrets[type] = { ...secrets[type], [key]: secret };
        origins[type] = { ...origins[type], [key]: path };
        delete open[key];
      }
      data[type] = open;
    }
  }
  const sealTo = process.sealTo ?? fleet.sealTo;
  return {
    data,
    secrets,
    ...(sealTo === undefined ? {} : { sealTo }),
    rules: Object.fromEntries(Object.entries(own).filter(([type]) => data[type] !== undefined)),
    origins,
    named: namedIn(data),
  };
}

/** Members that `SERVICES` refers to. */
function namedIn(data: Settings): string[] {
  const members = Object.values(data.SERVICES ?? {}).flatMap((service) => {
    const { member } = (service ?? {}) as { member?: unknown };
    return typeof member === "string" ? [member] : [];
  });
  return [...new Set(members)];
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof SecretValue)
    ? (value as Record<string, unknown>)
    : {};

const settingsIn = (value: unknown): Settings =>
  Object.fromEntries(Object.entries(record(value)).map(([type, data]) => [type, record(data)]));

const secretsIn = (value: unknown): Secrets =>
  Object.fromEntries(
    Object.entries(record(value)).map(([type, data]) => [
      type,
      Object.fromEntries(
        Object.entries(record(data)).filter(
          (entry): entry is [string, SecretValue] => entry[1] instanceof SecretValue,
        ),
      ),
    ]),
  );

/** The settings in a raw declaration, which may be invalid elsewhere. Values of another shape are skipped. Pure. */
export function settingsInDeclaration(raw: unknown): FleetConfigParts {
  const fleet = record(raw);
  const part = (value: unknown): ConfigParts => {
    const { config, secrets, sealTo } = record(value);
    return {
      config: settingsIn(config),
      secrets: secretsIn(secrets),
      ...(typeof sealTo === "string" ? { sealTo } : {}),
    };
  };
  const types = Object.entries(record(fleet.configTypes)).filter(
    (entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType,
  );
  return {
    ...part(fleet),
    overrides: Object.fromEntries(
      Object.entries(record(fleet.overrides)).map(([name, settings]) => [name, settingsIn(settings)]),
    ),
    secretOverrides: Object.fromEntries(
      Object.entries(record(fleet.secretOverrides)).map(([name, secrets]) => [name, secretsIn(secrets)]),
    ),
    configTypes: Object.fromEntries(types),
    processes: Object.fromEntries(
      Object.entries(record(fleet.processes)).map(([name, process]) => [name, part(process)]),
    ),
  };
}
