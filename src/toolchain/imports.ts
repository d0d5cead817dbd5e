/**
 * Which room may import which: index.ts → components → providers → src/fleet → src/{ao, delivery, bundler} → src/core, and nothing back.
 * A test runs it over the work tree, so that the arrows are kept by a program and not by memory.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cruise, type IRegularForbiddenRuleType } from "dependency-cruiser";

/** Everything that is searched. */
const ROOMS = ["index.ts", "components", "providers", "src", "bench"];

interface Arrow {
  /** Stable, greppable name of the rule; also the name of its test. */
  readonly name: string;
  /** The importing room: a folder, or a file. */
  readonly from: string;
  /** Rooms that it may import besides its own; everything else in the project is refused. */
  readonly rooms: readonly string[];
  /** What it must not import from node_modules. `all` means no package at all. */
  readonly packages?: "all" | "pulumi";
}

const MACHINERY = ["src/ao", "src/delivery", "src/bundler", "src/core"];
/** One rule for each room. */
const ARROWS: readonly Arrow[] = [
  { name: "core imports nothing", from: "src/core", rooms: [], packages: "all" },
  ...["ao", "delivery", "bundler", "monitor", "localnet", "toolchain"].map(
    (room): Arrow => ({
      name: `${room} knows core only`,
      from: `src/${room}`,
      rooms: ["src/core"],
      packages: "pulumi",
    }),
  ),
  // The embedded network by a dynamic import alone.
  {
    name: "fleet knows no resource",
    from: "src/fleet",
    rooms: [...MACHINERY, "src/localnet"],
    packages: "pulumi",
  },
  { name: "providers look down only", from: "providers", rooms: ["src/fleet", ...MACHINERY, "src/localnet"] },
  { name: "components look down only", from: "components", rooms: ["providers", "src/fleet", ...MACHINERY] },
  {
    // What pulumi's command is, and what the page shows: both are data to it.
    name: "operations know no terminal",
    from: "src/operations",
    rooms: ["components", "src/fleet", ...MACHINERY, "src/monitor", "src/toolchain", "src/dashboard"],
  },
  {
    name: "commands hold no domain",
    from: "src/cli",
    rooms: [
      ...["src/operations", "src/fleet", "src/delivery", "src/bundler", "src/core", "src/monitor"],
      ...["src/dashboard", "src/toolchain", "src/localnet", "components"],
    ],
  },
  {
    name: "dashboard knows no network",
    from: "src/dashboard",
    rooms: ["src/delivery", "src/core", "src/monitor"],
  },
  {
    // The library itself is Lua; here is what makes data of it.
    name: "the library's data comes from the rooms that own it",
    from: "src/runtime",
    rooms: ["src/fleet", "src/monitor", ...MACHINERY],
    packages: "pulumi",
  },
  { name: "the program composes components", from: "index.ts", rooms: ["components", "src/core"] },
];

/** The pattern of everything in a room, or of one file. */
const within = (room: string): string =>
  room.endsWith(".ts") ? `^${room.replace(".", "\\.")}$` : `^${room}/`;

const PULUMI = "(^|/)node_modules/@pulumi/|^@pulumi/";

const rules: IRegularForbiddenRuleType[] = [
  ...ARROWS.flatMap(({ name, from, rooms, packages }): IRegularForbiddenRuleType[] => {
    const allowed = [...rooms, from].map(within);
    const outside = ["^node_modules/", "^[a-z]+:"];
    const rule = (to: IRegularForbiddenRuleType["to"]): IRegularForbiddenRuleType => ({
      name,
      severity: "error",
      from: { path: within(from) },
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
    from: { path: "^(providers|components|src/fleet)/", pathNot: "^providers/local-network/" },
    to: { path: "^src/localnet/", dependencyTypesNot: ["dynamic-import", "type-only"] },
  },
  {
    name: "lifecycles do not know Pulumi",
    severity: "error",
    from: { path: "^providers/.*/(lifecycle|schema)\\.ts$" },
    to: { path: PULUMI },
  },
  {
    // Types too: they are knowledge of each other.
    name: "nothing goes round in a circle",
    severity: "error",
    from: {},
    to: { circular: true },
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
