/**
 * Which room may import which: index.ts → components → providers → ao, delivery, bundler → core, and nothing back.
 * A test runs it over the work tree, so that the arrows are kept by a program and not by memory.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cruise, type IRegularForbiddenRuleType } from "dependency-cruiser";

/** Everything that is searched; a room that does not exist yet is passed over. */
const ROOMS = [
  "index.ts",
  "components",
  "providers",
  "ao",
  "delivery",
  "bundler",
  "monitor",
  "core",
  "localnet",
  "cli",
  "dashboard",
  "toolchain",
  "bench",
];

interface Arrow {
  /** Stable, greppable name of the rule; also the name of its test. */
  readonly name: string;
  /** Regular expression on the importing file's path. */
  readonly from: string;
  /** Rooms (and index.ts) that it may import besides its own; everything else in the project is refused. */
  readonly rooms: readonly string[];
  /** What it must not import from node_modules. `all` means no package at all. */
  readonly packages?: "all" | "pulumi";
}

const THINKING = ["ao", "delivery", "bundler"];

/** One rule for each room. */
const ARROWS: readonly Arrow[] = [
  { name: "core imports nothing", from: "^core/", rooms: [], packages: "all" },
  { name: "ao knows core only", from: "^ao/", rooms: ["core"], packages: "pulumi" },
  { name: "delivery knows core only", from: "^delivery/", rooms: ["core"], packages: "pulumi" },
  { name: "bundler knows core only", from: "^bundler/", rooms: ["core"], packages: "pulumi" },
  { name: "monitor knows core only", from: "^monitor/", rooms: ["core"], packages: "pulumi" },
  { name: "localnet knows core only", from: "^localnet/", rooms: ["core"], packages: "pulumi" },
  { name: "toolchain knows core only", from: "^toolchain/", rooms: ["core"], packages: "pulumi" },
  { name: "providers look down only", from: "^providers/", rooms: [...THINKING, "core", "localnet"] },
  { name: "components look down only", from: "^components/", rooms: ["providers", ...THINKING, "core"] },
  {
    name: "cli uses all but the program",
    from: "^cli/",
    rooms: ["components", "providers", ...THINKING, "monitor", "core", "localnet", "dashboard", "toolchain"],
  },
  {
    name: "dashboard uses all but the program",
    from: "^dashboard/",
    rooms: ["components", "providers", ...THINKING, "monitor", "core", "localnet", "toolchain"],
  },
  { name: "the program composes components", from: "^index\\.ts$", rooms: ["components", "core"] },
];

const PULUMI = "(^|/)node_modules/@pulumi/|^@pulumi/";

const rules: IRegularForbiddenRuleType[] = [
  ...ARROWS.flatMap(({ name, from, rooms, packages }): IRegularForbiddenRuleType[] => {
    const own = /^\^(\w+)\//.exec(from)?.[1];
    const allowed = [...rooms, ...(own === undefined ? [] : [own])].map((room) => `^${room}/`);
    const outside = ["^node_modules/", "^[a-z]+:"];
    const rule = (to: IRegularForbiddenRuleType["to"]): IRegularForbiddenRuleType => ({
      name,
      severity: "error",
      from: { path: from },
      to,
    });
    return [
      rule({ pathNot: [...allowed, ...outside], dependencyTypes: ["local", "localmodule"] }),
      ...(packages === "all" ? [rule({ dependencyTypesNot: ["core", "local"] })] : []),
      ...(packages === "pulumi" ? [rule({ path: PULUMI })] : []),
    ];
  }),
  {
    // A deploy to a real network never loads the embedded one.
    name: "localnet is loaded only when it is asked for",
    severity: "error",
    from: { path: "^(providers|components)/", pathNot: "^providers/local-network/" },
    to: { path: "^localnet/", dependencyTypesNot: ["dynamic-import", "type-only"] },
  },
  {
    name: "lifecycles do not know Pulumi",
    severity: "error",
    from: { path: "^providers/.*/(lifecycle|schema)\\.ts$" },
    to: { path: PULUMI },
  },
  {
    name: "nothing goes round in a circle",
    severity: "error",
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
  },
];

/** The names of all rules, for one test each. */
export const importRules: readonly string[] = [...new Set(rules.map(({ name }) => name as string))];

/** The broken rules of the work tree in `projectDir`, by rule: `from → to` lines. Empty when all arrows hold. */
export async function brokenImports(projectDir: string): Promise<Map<string, string[]>> {
  const present = ROOMS.filter((room) => existsSync(join(projectDir, room)));
  const result = await cruise(present, {
    baseDir: projectDir,
    ruleSet: { forbidden: rules },
    validate: true,
    // `import type` counts: a type is knowledge of another room too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  });
  if (typeof result.output === "string") throw new Error(result.output);
  const broken = new Map<string, string[]>();
  for (const { rule, from, to } of result.output.summary.violations) {
    broken.set(rule.name, [...(broken.get(rule.name) ?? []), `${from} → ${to}`]);
  }
  return broken;
}
