import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { checkValue, type Misfit } from "../../src/fleet/config/check.ts";
import { RULES } from "../../src/fleet/config/lua.ts";
import type { Rule } from "../../src/fleet/config/rules.ts";
import type { Request } from "./fleet.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import type { FleetState, HeldConfig } from "./state.ts";

const KEPT = 10;

const ruleOf = (fleet: FleetState, configType: string, given: unknown): Rule | undefined =>
  RULES[configType] ?? (given as Rule | undefined) ?? (fleet.configs[configType]?.rule as Rule | undefined);

/** Every problem of a config, at its path, by the library's rules and in its words. */
function checkConfig(fleet: FleetState, configType: string, configData: unknown, given: unknown): Misfit[] {
  const rule = ruleOf(fleet, configType, given);
  if (rule) return checkValue(configData, rule, "configData");
  const known = `one of ${Object.keys(RULES).sort().join(" ")}, or a custom type with its rule`;
  return [{ path: "configType", got: JSON.stringify(configType), expected: known }];
}

/** The keys of a config that are only kept and reported. */
function notEnforceable(configType: string, configData: unknown): string[] {
  const fields = RULES[configType]?.fields ?? {};
  return Object.keys(isObject(configData) ? configData : {})
    .filter((key) => fields[key]?.idle !== undefined)
    .sort();
}

/** 2 > 1 · "1.10.0" > "1.9". */
function compareVersions(a: string | number, b: string | number): number {
  const [left, right] = [a, b].map((version) => String(version).split(/[.+-]/)) as [string[], string[]];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [x, y] = [left[at] ?? "0", right[at] ?? "0"];
    const order =
      Number.isNaN(Number(x)) || Number.isNaN(Number(y)) ? x.localeCompare(y) : Number(x) - Number(y);
    if (order !== 0) return order;
  }
  return 0;
}

const hashOf = (data: unknown): string => sha256(canonicalJson(data));

function refuse(problems: readonly { path: string; got: unknown; expected: string }[]): never {
  throw new Refusal(
    "INVALID_CONFIG",
    `${problems.length} invalid setting(s); the first: ${problems[0]?.path}`,
    "Fix the values at these paths and send the config again; the current config is unchanged.",
    { problems },
  );
}

/** `UPDATE_CONFIG`. */
export function updateConfig({ fleet, state, message, data }: Request): Json {
  const configType = String(data.configType);
  const { configData, version, rule } = data;
  if (typeof version !== "number" && (typeof version !== "string" || version === ""))
    return refuse([
      { path: "version", got: typeof version, expected: "a number or a string of 1 to 64 characters" },
    ]);
  const problems = checkConfig(fleet, configType, configData, rule);
  if (state.script.refuseConfig?.includes(configType))
    problems.push({ path: configType, got: "(scripted)", expected: "something else" });
  if (problems.length > 0) refuse(problems);
  const hash = hashOf(configData);
  if (data.hash !== undefined && data.hash !== hash)
    refuse([{ path: "hash", got: data.hash, expected: `${hash} (sha256 of the data's canonical JSON)` }]);
  const held = fleet.configs[configType];
  const order = held ? compareVersions(version, held.version) : 1;
  if (held && order < 0 && !(data.rollback === true && fleet.epoch > held.epoch))
    refuse([{ path: "version", got: String(version), expected: `at least ${held.version}` }]);
  if (held && order === 0 && hash !== held.hash)
    refuse([
      {
        path: "hash",
        got: hash,
        expected: `${held.hash} (the hash of version ${held.version} in this process)`,
      },
    ]);
  const same = held !== undefined && order === 0;
  const requestedBy = same ? held.requestedBy : data.requestedBy;
  const entry: HeldConfig = {
    ...{ configData, version, hash, epoch: fleet.epoch },
    ...{ at: same ? held.at : message.timestamp, by: same ? held.by : message.from },
    ...(typeof requestedBy === "string" ? { requestedBy } : {}),
    ...(RULES[configType] || rule === undefined ? {} : { rule }),
  };
  keep(fleet, configType, entry, same ? held : undefined);
  fleet.configs[configType] = entry;
  const idle = notEnforceable(configType, configData);
  return { configType, version, hash, ...(idle.length > 0 ? { notEnforceable: idle } : {}) };
}

function keep(
  fleet: FleetState,
  configType: string,
  entry: HeldConfig,
  instead: HeldConfig | undefined,
): void {
  const history = fleet.configHistory[configType] ?? [];
  fleet.configHistory[configType] = instead
    ? history.map((one) => (one.version === instead.version && one.hash === instead.hash ? entry : one))
    : [...history, entry].slice(-KEPT);
  const highest = fleet.configHighest[configType];
  if (highest === undefined || compareVersions(entry.version, highest) > 0)
    fleet.configHighest[configType] = entry.version;
}

/** `RESTORE_CONFIG`. */
export function restoreConfig({ fleet, message, data }: Request): Json {
  const configType = String(data.configType);
  const held = fleet.configs[configType];
  const restored =
    held !== undefined &&
    held.hash === data.hash &&
    compareVersions(held.version, data.version as string | number) === 0;
  if (restored) {
    const history = fleet.configHistory[configType] ?? [];
    const own = history.find(({ version, hash }) => version === held.version && hash === held.hash);
    const mark = { at: message.timestamp, by: message.from };
    if (own) Object.assign(own, data.clear === true ? { cleared: mark } : { takenBack: mark });
    const since = history.slice(history.findLastIndex(({ cleared }) => cleared !== undefined) + 1);
    const before =
      data.clear === true ? undefined : since.findLast((one) => one !== own && one.takenBack === undefined);
    if (before) fleet.configs[configType] = before;
    else delete fleet.configs[configType];
  }
  const now = fleet.configs[configType];
  return { configType, restored, ...(now ? { version: now.version, hash: now.hash } : {}) };
}

/** `GET_CONFIG`. */
export function getConfig({ fleet, data }: Request): Json {
  const wanted = <V>(all: Record<string, V>): [string, V][] =>
    Object.entries(all).filter(([type]) => data.configType === undefined || type === data.configType);
  const configs = wanted(fleet.configs).map(([type, { rule: _, ...held }]) => {
    const idle = notEnforceable(type, held.configData);
    return [type, { ...held, ...(idle.length > 0 ? { notEnforceable: idle } : {}) }];
  });
  const history = wanted(fleet.configHistory).map(([type, entries]) => [
    type,
    entries.map(({ rule: _, ...entry }) => {
      const now = fleet.configs[type];
      const current = now?.version === entry.version && now.hash === entry.hash;
      return { ...entry, ...(current ? { current } : {}) };
    }),
  ]);
  return {
    configs: Object.fromEntries(configs),
    highest: Object.fromEntries(wanted(fleet.configHighest)),
    ...(data.history === true ? { history: Object.fromEntries(history) } : {}),
  };
}
