/**
 * Which room may import which: index.ts → components → providers → src/fleet → src/{ao, delivery, bundler} → src/core, never back.
 * imports.test.ts runs it over the work tree, so that a program enforces the arrows.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cruise, type IRegularForbiddenRuleType } from "dependency-cruiser";

/** All folders that are checked. */
const ROOMS = ["index.ts", "components", "providers", "src", "bench"];

interface Arrow {
  /** Stable, greppable name of the rule; also the name of its test. */
  readonly name: string;
  /** The importing room: a folder, or a file. */
  readonly from: string;
  /** Rooms that it may import in addition to its own; every other import in the project is an error. */
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
  // The embedded network only by a dynamic import.
  {
    name: "fleet knows no resource",
    from: "src/fleet",
    rooms: [...MACHINERY, "src/localnet"],
    packages: "pulumi",
  },
  { name: "providers look down only", from: "providers", rooms: ["src/fleet", ...MACHINERY, "src/localnet"] },
  { name: "components look down only", from: "components", rooms: ["providers", "src/fleet", ...MACHINERY] },
  {
    // The toolchain knows pulumi's command, and the dashboard the shape of its data.
    name: "operations know no terminal",
    from: "src/operations",
    rooms: [
      ...["components", "src/fleet", ...MACHINERY, "src/monitor", "src/toolchain", "src/dashboard"],
      "src/localnet",
    ],
  },
  {
    name: "commands hold no domain",
    from: "src/cli",
    rooms: [
      ...["src/operations", "src/fleet", "src/delivery", "src/bundler", "src/core", "src/monitor"],
      ...["src/dashboard", "src/toolchain", "src/localnet"],
    ],
  },
  {
    name: "dashboard knows no network",
    from: "src/dashboard",
    rooms: ["src/delivery", "src/core", "src/monitor"],
  },
  { name: "the program composes components", from: "index.ts", rooms: ["components", "src/core"] },
];

/** The pattern for all files of a room, or for one file. */
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
    name: "localnet is loaded only on request",
    severity: "error",
    from: { path: "^(providers|components|src/fleet)/", pathNot: "^providers/local-network/" },
    to: { path: "^src/localnet/", dependencyTypesNot: ["dynamic-import", "type-only"] },
  },
  {
    // It evaluates processes on this machine; every other operation reaches them through the network's port.
    name: "only Lua tests load the embedded network's evaluators",
    severity: "error",
    from: { path: "^src/operations/", pathNot: "^src/operations/lua-tests/" },
    to: { path: "^src/localnet/" },
  },
  {
    // Another protocol is another adapter: nothing above the port may depend on the units of one, or on what adapters share.
    name: "only src/ao knows an adapter",
    severity: "error",
    from: { pathNot: "^src/ao/" },
    to: { path: "^src/ao/(legacy|mainnet|shared)/" },
  },
  {
    name: "lifecycles do not know Pulumi",
    severity: "error",
    from: { path: "^providers/.*/(lifecycle|schema)\\.ts$" },
    to: { path: PULUMI },
  },
  {
    // Type-only imports count too, because a type is also a dependency.
    name: "no circular imports",
    severity: "error",
    from: {},
    to: { circular: true },
  },
];

/** The rule about globals: what belongs to a terminal or to this command's process comes from the host. */
const NO_TERMINAL = { name: "operations use no terminal", from: "src/operations" };
const TERMINAL = /\bprocess\.(?:stdin|stdout|stderr|on|once|exit)\b|\bconsole\.\w+/g;

/** Uses of the terminal in a room that must not know it, as `from → to` lines. */
function terminalUses(projectDir: string): string[] {
  const room = join(projectDir, NO_TERMINAL.from);
  if (!existsSync(room)) return [];
  const files = readdirSync(room, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  return files.sort().flatMap((file) => {
    const uses = readFileSync(join(room, file), "utf8").match(TERMINAL) ?? [];
    return uses.map((use) => `${NO_TERMINAL.from}/${file} → ${use}`);
  });
}

/** The names of all rules, one test each. */
export const importRules: readonly string[] = [
  ...new Set([...rules.map(({ name }) => name as string), NO_TERMINAL.name]),
];

/** The violations in `projectDir`, by rule: `from → to` lines. Empty if there are none. */
export async function brokenImports(projectDir: string): Promise<Map<string, string[]>> {
  const present = ROOMS.filter((room) => existsSync(join(projectDir, room)));
  const result = await cruise(present, {
    baseDir: projectDir,
    ruleSet: { forbidden: rules },
    validate: true,
    // `import type` counts too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  });
  if (typeof result.output === "string") throw new Error(result.output);
  const broken = new Map<string, string[]>();
  for (const { rule, from, to } of result.output.summary.violations) {
    broken.set(rule.name, [...(broken.get(rule.name) ?? []), `${from} → ${to}`]);
  }
  const uses = terminalUses(projectDir);
  if (uses.length > 0) broken.set(NO_TERMINAL.name, uses);
  return broken;
}
