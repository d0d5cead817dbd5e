/**
 * `node docs/generate.ts`: writes docs/reference/resources/*.md from the schemas and the comments in their source.
 * A test compares the pages with the schemas, and checks that every field has a comment.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { FleetDeclarationSchema, ProcessDeclarationSchema } from "../components/declaration.ts";
import { ConfigBundleInputsSchema } from "../providers/config-bundle/schema.ts";
import { LocalNetworkInputsSchema } from "../providers/local-network/schema.ts";
import { ProcessInputsSchema, ProcessOutputsSchema } from "../providers/process/schema.ts";
import { ReleaseInputsSchema } from "../providers/release/schema.ts";
import { TrafficInputsSchema } from "../providers/traffic/schema.ts";
import { WiringInputsSchema } from "../providers/wiring/schema.ts";
import { NetworkRefSchema } from "../src/ao/network.ts";
import { StrategySchema } from "../src/delivery/strategy.ts";
import { CONFIG_TYPES } from "../src/fleet/config/types.ts";
import { HealthPolicySchema } from "../src/fleet/health/schema.ts";
import { ScopeSchema } from "../src/fleet/session/scope.ts";
import { Comments } from "./comments.ts";
import { type Elsewhere, type Row, rowsOf } from "./fields.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const NOUNS = ["process", "config-bundle", "wiring", "traffic", "release", "local-network"] as const;

/** The files whose comments the pages show. */
export const commentFiles: readonly string[] = [
  "src/ao/network.ts",
  "components/declaration.ts",
  "components/fleet.ts",
  "src/delivery/strategy.ts",
  "src/delivery/faults.ts",
  "src/delivery/testers.ts",
  "src/fleet/config/types.ts",
  "src/fleet/health/probe-message.ts",
  "src/fleet/health/schema.ts",
  "src/fleet/members/revision.ts",
  "src/fleet/members/target.ts",
  "src/fleet/releases/declared.ts",
  "src/fleet/session/scope.ts",
  ...NOUNS.flatMap((noun) => [`providers/${noun}/schema.ts`, `providers/${noun}/resource.ts`]),
];

const comments = new Comments(commentFiles.map((file) => join(root, file)));

const SHARED: Elsewhere = {
  scope: "common.md#scope",
  network: "common.md#network",
  health: "common.md#health",
  healthCheck: "common.md#health",
  strategy: "strategy.md",
};
const { strategy: _, ...ALL_BUT_STRATEGY } = SHARED;

const inputs = (schema: z.ZodType, name: string, elsewhere: Elsewhere = SHARED): Row[] =>
  rowsOf(schema, comments.fields(name), elsewhere);

/** Outputs that are an interface: its own members, without the inputs. */
function outputs(name: string): Row[] {
  const types = comments.types(name);
  return [...comments.fields(name)].map(([path, { text }]) => ({
    path,
    type: `\`${types.get(path)}\``,
    default: "",
    text,
  }));
}

function processOutputs(): Row[] {
  const own = new Set(Object.keys(ProcessInputsSchema.shape));
  return rowsOf(ProcessOutputsSchema, comments.fields("ProcessOutputsSchema"), {}, "output").filter(
    ({ path }) => !own.has(path.split(/[.[]/)[0] ?? ""),
  );
}

/** One table of a page. */
interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** One page, before it is written as text. */
export interface Page {
  readonly file: string;
  readonly title: string;
  readonly intro: string;
  /** A program that uses it. */
  readonly example?: string;
  readonly sections: readonly Section[];
  /** Files where it is declared. */
  readonly sources: readonly string[];
}

const resource = (noun: (typeof NOUNS)[number], className: string, sections: readonly Section[]): Page => ({
  file: `${noun}.md`,
  title: className,
  intro: comments.of(className),
  example: comments.example(className),
  sections,
  sources: [`providers/${noun}/schema.ts`],
});

const section = (title: string, rows: readonly Row[]): Section => ({ title, rows });

/** All pages. */
export const pages: readonly Page[] = [
  {
    file: "fleet.md",
    title: "Fleet",
    intro: comments.of("Fleet"),
    example: comments.example("Fleet"),
    sections: [
      section(
        "Declaration",
        inputs(FleetDeclarationSchema, "FleetDeclarationSchema", {
          ...SHARED,
          processes: "#process-declaration",
        }),
      ),
      section("Process declaration", inputs(ProcessDeclarationSchema, "ProcessDeclarationSchema")),
    ],
    sources: ["components/declaration.ts"],
  },
  resource("process", "Process", [
    section("Inputs", inputs(ProcessInputsSchema, "ProcessInputsSchema", ALL_BUT_STRATEGY)),
    section("Outputs", processOutputs()),
  ]),
  resource("config-bundle", "ConfigBundle", [
    section("Inputs", inputs(ConfigBundleInputsSchema, "ConfigBundleInputsSchema")),
    section("Config types", rowsOf(z.object(CONFIG_TYPES).partial(), comments.fields("CONFIG_TYPES"))),
    section("Outputs", outputs("ConfigBundleOutputs")),
  ]),
  resource("wiring", "Wiring", [
    section("Inputs", inputs(WiringInputsSchema, "WiringInputsSchema")),
    section("Outputs", outputs("WiringOutputs")),
  ]),
  resource("traffic", "Traffic", [
    section("Inputs", inputs(TrafficInputsSchema, "TrafficInputsSchema")),
    section("Outputs", outputs("TrafficOutputs")),
  ]),
  {
    file: "strategy.md",
    title: "Strategy",
    intro: comments.of("StrategySchema"),
    sections: [section("Fields", inputs(StrategySchema, "StrategySchema", {}))],
    sources: ["src/delivery/strategy.ts"],
  },
  resource("release", "Release", [
    section("Inputs", inputs(ReleaseInputsSchema, "ReleaseInputsSchema")),
    section("Outputs", outputs("ReleaseOutputs")),
  ]),
  resource("local-network", "LocalNetwork", [
    section("Inputs", inputs(LocalNetworkInputsSchema, "LocalNetworkInputsSchema")),
    section("Outputs", outputs("LocalNetworkOutputs")),
  ]),
  {
    file: "common.md",
    title: "What resources share",
    intro: "Tables that several pages refer to.",
    sections: [
      section("Network", inputs(NetworkRefSchema, "NetworkRefSchema", {})),
      section("Health", inputs(HealthPolicySchema, "HealthPolicySchema", {})),
      section("Scope", inputs(ScopeSchema, "ScopeSchema", {})),
    ],
    sources: ["src/ao/network.ts", "src/fleet/health/schema.ts", "src/fleet/session/scope.ts"],
  },
];

/** A page as Markdown. */
export function markdown({ title, intro, example, sections, sources }: Page): string {
  const parts = sections.map(({ title: heading, rows }) => `## ${heading}\n\n${table(rows)}`);
  const links = sources.map((source) => `[${source}](../../../${source})`).join(", ");
  const note = `Generated by \`npm run docs\` from ${links}; edit the comments there.`;
  const code = example === undefined ? [] : [`\`\`\`ts\n${example}\n\`\`\``];
  return `${[`# ${title}`, intro, ...code, ...parts, note].join("\n\n")}\n`;
}

function table(rows: readonly Row[]): string {
  const withDefaults = rows.some((row) => row.default !== "");
  const columns = ["field", "type", ...(withDefaults ? ["default"] : []), "meaning"];
  const lines = rows.map((row) => [
    `\`${row.path}\``,
    row.type,
    ...(withDefaults ? [row.default] : []),
    row.text,
  ]);
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...lines.map(line)].join("\n");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = join(root, "docs", "reference", "resources");
  mkdirSync(folder, { recursive: true });
  for (const page of pages) writeFileSync(join(folder, page.file), markdown(page));
  console.log(`wrote ${pages.length} pages to docs/reference/resources`);
}
