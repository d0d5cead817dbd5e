/** A new project: the part that `fleet init` and `npm create ao-fleet` share. */
import { amount } from "../core/amount.ts";
import { UsageError } from "../core/usage-error.ts";
import { nearest } from "../fleet/nearest.ts";
import { NETWORKS, type Wanted } from "../operations/project/choices.ts";
import { createProject } from "../operations/project/create.ts";
import { installedManagers, MANAGERS } from "../operations/project/package-managers.ts";
import { templateDescription, templateNames } from "../toolchain/templates.ts";
import type { Examples } from "./examples.ts";
import type { Output, Streams } from "./output.ts";
import { askText } from "./questions.ts";

/** What it needs of its surroundings. */
interface InitHost extends Streams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

interface InitOptions extends Wanted {
  /** Ask nothing. */
  readonly yes?: boolean;
}

export const INIT_DESCRIPTION =
  "Writes a new project from a template into an empty folder: a Pulumi program, its Lua sources, the settings of its stacks, and a test. " +
  "Asks for what is not given, if it runs in a terminal. Installs nothing; prints the commands that come next.";

/** The options that take a value: name → placeholder and description. */
export const INIT_OPTIONS = {
  name: {
    value: "<name>",
    description: "name of the project and of its package (default: the folder's name)",
  },
  template: { value: "<name>", description: `${templateNames().join(", ")} (default: minimal)` },
  network: {
    value: "<name>",
    description: `protocol of the project's networks, the embedded one included: ${NETWORKS.join(" or ")} (default: ${NETWORKS[0]})`,
  },
  "package-manager": {
    value: "<name>",
    description: `${MANAGERS.join(", ")} (default: the one that runs this command)`,
  },
  library: {
    value: "<version or path>",
    description: "the ao-fleet that the project depends on (default: the version of this command)",
  },
} as const;

export const initExamples = (command: string): Examples => [
  [`${command} my-fleet`, "asks for the template and the rest, and writes ./my-fleet"],
  [`${command} my-fleet --template service --yes`, "the same without questions"],
];

/** The wanted project, from parsed options. Pure. */
export const wantedFrom = (
  folder: string | undefined,
  options: Readonly<Record<string, string | boolean | undefined>>,
): InitOptions => {
  const text = (name: keyof typeof INIT_OPTIONS) =>
    typeof options[name] === "string" ? options[name] : undefined;
  const given = {
    folder,
    name: text("name"),
    template: text("template"),
    network: text("network"),
    packageManager: text("package-manager"),
    library: text("library"),
  };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    yes: options.yes === true,
  };
};

/** Writes the project and prints what comes next. */
export async function init(host: InitHost, out: Output, { yes, ...wanted }: InitOptions): Promise<void> {
  const isAsked = yes !== true && !out.json && host.stdin.isTTY === true && host.stderr.isTTY === true;
  const made = createProject(isAsked ? await asked(host, out, wanted) : wanted, host.cwd, host.env);
  out.line([
    `Created the project ${made.name} in ${made.folder}: template ${made.template}, ${amount(made.files.length, "file", "files")}.`,
    "",
    "Next:",
    ...made.next.map((command) => `  ${command}`),
    "",
    "README.md there continues: change it, release it, roll it back, deploy it to a real network.",
  ]);
  out.document({ success: true, ...made });
}

/** Asks for everything that was not given. */
async function asked(host: InitHost, out: Output, wanted: Wanted): Promise<Wanted> {
  const folder = wanted.folder ?? (await answer(host, "Folder", "."));
  const managers = [...installedManagers(host.env)];
  const templates = templateNames();
  return {
    ...wanted,
    folder,
    template:
      wanted.template ?? (await choice(host, out, "Template", templates, "minimal", templateDescription)),
    network: wanted.network ?? (await choice(host, out, "Network", NETWORKS, NETWORKS[0])),
    ...(wanted.packageManager === undefined && managers.length > 1
      ? { packageManager: await choice(host, out, "Package manager", managers, managers[0] ?? "npm") }
      : {}),
  };
}

async function answer(host: InitHost, noun: string, usual: string): Promise<string> {
  return (await askText(host, `${noun} [${usual}]: `)) || usual;
}

/** Asks until one of them is named. */
async function choice(
  host: InitHost,
  out: Output,
  noun: string,
  known: readonly string[],
  usual: string,
  describe?: (name: string) => string,
): Promise<string> {
  if (describe) for (const name of known) out.note(`  ${name.padEnd(10)}${describe(name)}`);
  for (;;) {
    const got = await answer(host, describe ? noun : `${noun} (${known.join(", ")})`, usual);
    if (known.includes(got)) return got;
    const near = nearest(got, known);
    out.note(
      `There is no "${got}". ${near === undefined ? `Expected one of ${known.join(", ")}.` : `Did you mean ${near}?`}`,
    );
  }
}

/** @throws UsageError TOO_MANY_ARGUMENTS */
export function onlyFolder(positionals: readonly string[]): string | undefined {
  if (positionals.length <= 1) return positionals[0];
  throw new UsageError({
    code: "TOO_MANY_ARGUMENTS",
    what: "A new project has one folder.",
    got: positionals.join(" "),
    expected: "one folder, or none for the working folder",
    remedy: "Quote a path that contains spaces.",
  });
}
