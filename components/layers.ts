import { z } from "zod";
import type { Rule } from "../src/fleet/config/rules.ts";
import { SecretValue } from "./secret-value.ts";
import type { SettingLayer } from "./setting-layer.ts";

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
  /** Config type → setting → the layer that sets it. */
  readonly origins: Readonly<Record<string, Readonly<Record<string, SettingLayer>>>>;
  /** Members that settings refer to, in order. */
  readonly named: readonly string[];
}

interface Layer<T> {
  readonly origin: SettingLayer;
  readonly settings: T;
}

/** The layers that one member has, lowest precedence first. */
function layersOf<T>(
  kind: SettingLayer["kind"],
  member: string,
  [fleet, own, all, one]: readonly (T | undefined)[],
): Layer<T>[] {
  const layers: [SettingLayer, T | undefined][] = [
    [{ layer: "fleet", kind }, fleet],
    [{ layer: "member", kind, member }, own],
    [{ layer: "stack", kind, member: "*" }, all],
    [{ layer: "stack", kind, member }, one],
  ];
  return layers.flatMap(([origin, settings]) => (settings === undefined ? [] : [{ origin, settings }]));
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
  const { config, secrets: sealed, overrides, secretOverrides } = fleet;
  const open = [config, process.config, overrides?.["*"], overrides?.[name]];
  const closed = [sealed, process.secrets, secretOverrides?.["*"], secretOverrides?.[name]];
  const data: Record<string, Record<string, unknown>> = {};
  const secrets: Record<string, Record<string, SecretValue>> = {};
  const origins: Record<string, Record<string, SettingLayer>> = {};
  for (const { origin, settings } of layersOf("config", name, open)) {
    for (const [type, fields] of Object.entries(settings)) {
      data[type] ??= {};
      for (const [key, value] of Object.entries(fields)) {
        if (value === undefined) continue;
        data[type][key] = value;
        origins[type] = { ...origins[type], [key]: origin };
      }
    }
  }
  for (const { origin, settings } of layersOf("secrets", name, closed)) {
    for (const [type, fields] of Object.entries(settings)) {
      const { ...others } = data[type] ?? {};
      for (const [key, secret] of Object.entries(fields)) {
        secrets[type] = { ...secrets[type], [key]: secret };
        origins[type] = { ...origins[type], [key]: origin };
        delete others[key];
      }
      data[type] = others;
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
