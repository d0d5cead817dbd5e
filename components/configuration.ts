import type { z } from "zod";
import type { Problem } from "../src/core/errors.ts";
import { type FoundMisfit, misfitsOf } from "../src/fleet/config/check.ts";
import { RULES } from "../src/fleet/config/lua.ts";
import { type Rule, ruleOf } from "../src/fleet/config/rules.ts";
import { publicKeyProblem } from "../src/fleet/config/seal.ts";
import { nearest, withSuggestion } from "../src/fleet/nearest.ts";
import { type FleetConfigParts, type MemberConfig, mergedSettings } from "./layers.ts";
import { badValue, unknownKey, unknownProcess } from "./problems.ts";
import { layerPath, type SettingLayer } from "./setting-layer.ts";

/** The settings of every member, and everything that is wrong with them. */
export interface Configuration {
  readonly members: Readonly<Record<string, MemberConfig>>;
  readonly problems: readonly Problem[];
  /** Settings that nothing on AO can enforce, by member. */
  readonly idle: Readonly<Record<string, readonly Problem[]>>;
}

/** Code of the warning about a setting that is stored and reported but that nothing on AO can enforce. */
export const SETTING_IDLE = "SETTING_IDLE";

/**
 * Resolves the settings and secrets of every member. The layers, lowest precedence first: the fleet's, the member's own, the stack's for
 * all members, the stack's for the member. A higher layer overrides single settings of a type. Pure.
 */
export function configurationOf(fleet: FleetConfigParts): Configuration {
  const own = ownRules(fleet.configTypes ?? {});
  const problems = [...own.problems, ...unknownTargets(fleet)];
  const members: Record<string, MemberConfig> = {};
  const idle: Record<string, Problem[]> = {};
  for (const name of Object.keys(fleet.processes)) {
    const member = mergedSettings(fleet, name, own.rules);
    members[name] = member;
    problems.push(...problemsOf(fleet, name, member, own.rules));
    idle[name] = idleOf(name, member, own.rules);
  }
  return { members, problems, idle };
}

function problemsOf(
  fleet: FleetConfigParts,
  name: string,
  member: MemberConfig,
  own: Readonly<Record<string, Rule>>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [type, data] of Object.entries(member.data)) {
    const rule = RULES[type] ?? own[type];
    if (!rule) {
      problems.push(unknownType(type, member, name, Object.keys({ ...RULES, ...own })));
      continue;
    }
    // A placeholder that the rules accept as a sealed value.
    const sealed = Object.fromEntries(Object.keys(member.secrets[type] ?? {}).map((key) => [key, "sealed:"]));
    const whole = { ...data, ...sealed };
    const misfits = misfitsOf(whole, rule, "");
    for (const misfit of misfits) problems.push(problemOf(name, type, misfit, member, rule));
    const schema = fleet.configTypes?.[type];
    if (schema && misfits.length === 0)
      problems.push(...refinementProblems(schema, name, type, whole, member));
  }
  if (Object.keys(member.secrets).length > 0) {
    const problem = publicKeyProblem(member.sealTo);
    if (problem !== undefined) {
      problems.push({
        code: "SEAL_KEY_INVALID",
        what: `The secrets of ${name} cannot be sealed.`,
        at: fleet.processes[name]?.sealTo === undefined ? "sealTo" : `processes.${name}.sealTo`,
        ...problem,
        remedy:
          "Create a key pair: openssl genpkey -algorithm x25519 -out own.pem && openssl pkey -in own.pem -pubout. Keep own.pem, and declare the public key that is printed.",
      });
    }
  }
  for (const missing of member.named.filter((other) => fleet.processes[other] === undefined)) {
    const near = nearest(missing, Object.keys(fleet.processes));
    problems.push({
      code: "UNKNOWN_MEMBER",
      what: `A service of ${name} refers to "${missing}", which is not in the fleet.`,
      at: settingPath(
        member.origins.SERVICES?.[serviceOf(member, missing)] ?? ownLayer(name),
        "SERVICES",
        `${serviceOf(member, missing)}.member`,
      ),
      got: missing,
      expected: withSuggestion(near, `one of ${Object.keys(fleet.processes).join(", ")}`),
      remedy: "Declare it, or fix the name. For a process outside the fleet, give its id: { process: … }.",
    });
  }
  return problems;
}

function serviceOf({ data }: MemberConfig, member: string): string {
  const found = Object.entries(data.SERVICES ?? {}).find(
    ([, service]) => (service as { member?: unknown } | null)?.member === member,
  );
  return found?.[0] ?? "";
}

/** The layer of a setting. A setting that nothing sets, such as a required one, belongs in the member's own. */
function layerOf(name: string, type: string, path: string, { origins }: MemberConfig): SettingLayer {
  const known = Object.keys(origins[type] ?? {}).filter(
    (key) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`),
  );
  const [key] = known.sort((a, b) => b.length - a.length);
  return (key === undefined ? undefined : origins[type]?.[key]) ?? ownLayer(name);
}

const ownLayer = (member: string): SettingLayer => ({ layer: "member", kind: "config", member });

/** Path of a setting in the declaration: the path of its layer, then its own. */
const settingPath = (layer: SettingLayer, type: string, path: string): string =>
  `${layerPath(layer)}.${type}${path === "" ? "" : `.${path}`}`;

/** What to do about a value. Only the stack's config has the settings of its own layers. */
function changeValue({ layer, kind }: SettingLayer): string {
  if (layer !== "stack") return "Change the value in index.ts, or in the stack's config if it is set there.";
  return `Change the value in the stack's config: pulumi config set ${kind === "secrets" ? "--secret " : ""}--path.`;
}

function problemOf(
  name: string,
  type: string,
  { path: dotted, got, expected, isUnknownKey }: FoundMisfit,
  member: MemberConfig,
  rule: Rule,
): Problem {
  const path = dotted.replace(/^\./, "");
  const layer = layerOf(name, type, path, member);
  const at = settingPath(layer, type, path);
  if (isUnknownKey)
    return unknownKey(at, path.split(".").at(-1) ?? "", Object.keys(rule.fields ?? {}), expected);
  return badValue({
    at,
    ...{ got, expected, remedy: changeValue(layer) },
  });
}

function unknownType(
  type: string,
  { origins }: MemberConfig,
  name: string,
  known: readonly string[],
): Problem {
  const [layer = ownLayer(name)] = Object.values(origins[type] ?? {});
  const near = nearest(type, known);
  return {
    code: "UNKNOWN_CONFIG_TYPE",
    what: `"${type}" is not a config type.`,
    at: settingPath(layer, type, ""),
    got: type,
    expected: withSuggestion(near, `one of ${known.join(" ")}`),
    remedy: "Fix the name, or declare the type with its zod schema in configTypes.",
  };
}

/** What a schema checks that a process cannot: the user's own refinements. */
function refinementProblems(
  schema: z.ZodType,
  name: string,
  type: string,
  data: Readonly<Record<string, unknown>>,
  member: MemberConfig,
): Problem[] {
  const issues = schema.safeParse(data).error?.issues ?? [];
  const secrets = Object.keys(member.secrets[type] ?? {});
  return issues
    .filter(({ path }) => !secrets.includes(String(path[0])))
    .map(({ path, message }) => {
      const inside = path.map(String).join(".");
      const layer = layerOf(name, type, inside, member);
      const at = settingPath(layer, type, inside);
      return badValue({
        what: `${at} does not match its schema.`,
        ...{ at, expected: message, remedy: changeValue(layer) },
      });
    });
}

function idleOf(name: string, member: MemberConfig, own: Readonly<Record<string, Rule>>): Problem[] {
  return Object.entries(member.data).flatMap(([type, data]) =>
    Object.keys(data).flatMap((key): Problem[] => {
      const why = (RULES[type] ?? own[type])?.fields?.[key]?.idle;
      if (why === undefined) return [];
      return [
        {
          code: SETTING_IDLE,
          what: `${type}.${key} of ${name} is stored and reported, but nothing enforces it: ${why}.`,
          at: settingPath(layerOf(name, type, key, member), type, key),
          remedy: `Remove it. If it is there for people to read, accept the warning: silence: { ${SETTING_IDLE}: "<reason>" }`,
        },
      ];
    }),
  );
}

/** The fleet's own config types as rules that its processes check. */
function ownRules(types: Readonly<Record<string, z.ZodType>>): {
  rules: Record<string, Rule>;
  problems: Problem[];
} {
  const rules: Record<string, Rule> = {};
  const problems: Problem[] = [];
  for (const [type, schema] of Object.entries(types)) {
    const at = `configTypes.${type}`;
    const { rule, unsupported } = ruleOf(schema);
    rules[type] = rule;
    if (RULES[type])
      problems.push({
        code: "CONFIG_TYPE_TAKEN",
        what: `${type} is a built-in config type.`,
        at,
        got: type,
        expected: "a name of your own",
        remedy: "Choose another name.",
      });
    if (rule.type !== "object")
      problems.push({
        code: "CONFIG_TYPE_INVALID",
        what: `The schema of ${type} does not describe an object.`,
        at,
        got: rule.type,
        expected: "z.strictObject({ … }) or z.record(…)",
        remedy: "Wrap the value in an object: z.strictObject({ value: … })",
      });
    for (const { at: where, what } of rule.type === "object" ? unsupported : [])
      problems.push({
        code: "CONFIG_CHECK_UNSUPPORTED",
        what: `A process cannot check ${what}, so it would accept values that this schema rejects.`,
        at: where === "" ? at : `${at}.${where}`,
        got: what,
        expected:
          "types, ranges, lengths, enums, lists, objects, and patterns of characters, classes and repeats",
        remedy: "Write the check with those. Only the plan checks an additional .refine().",
      });
  }
  return { rules, problems };
}

function unknownTargets({ overrides = {}, secretOverrides = {}, processes }: FleetConfigParts): Problem[] {
  const known = ["*", ...Object.keys(processes)];
  return [
    ...Object.keys(overrides).map((name) => ["overrides", name] as const),
    ...Object.keys(secretOverrides).map((name) => ["secrets", name] as const),
  ]
    .filter(([, name]) => !known.includes(name))
    .map(([key, name]) =>
      unknownProcess(name, known, "one", {
        what: `The stack's settings refer to "${name}", which is not in the fleet.`,
        at: `${key}.${name}`,
        remedy: `Fix the name: pulumi config rm --path ${key}.${name}`,
      }),
    );
}
