/** The templates of new projects: folders of `templates/`, which `pulumi new <folder>` takes, too. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { parse, parseDocument } from "yaml";
import { isRepository, packageDir } from "./paths.ts";

/** The words in a template's files that a project's name and description replace, by pulumi's convention. */
export const PLACEHOLDER = { name: "$" + "{PROJECT}", description: "$" + "{DESCRIPTION}" } as const;

/** npm packs no file with this name, so a packed template has it without the dot. */
const IGNORE_FILE = ".gitignore";
const PACKED_IGNORE_FILE = "gitignore";

/** The template that is this repository's own fleet. */
const OWN = "game";

const top = join(packageDir, "templates");

/**
 * The settings of the stacks are not in the templates' folders: their keys begin with the project's name, which `pulumi new` writes with a line
 * break into every YAML file. `fleet stack init` writes them for a project that it created.
 */
const stacks = join(packageDir, "src", "toolchain", "stacks");
const STACKS = ["staging", "prod"] as const;
const stackFile = (stack: string): string => `Pulumi.${stack}.yaml`;

/** The names of all templates, in alphabetical order. */
export function templateNames(): string[] {
  return readdirSync(top, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** What a template is, in a few words. */
export function templateDescription(name: string): string {
  const { template } = parse(readFileSync(join(top, name, "Pulumi.yaml"), "utf8")) as {
    template: { description: string };
  };
  return template.description;
}

/** The files of a template with their texts, by path. Its placeholders are in them. */
export function templateFiles(name: string): Map<string, string> {
  const isOwn = isRepository && name === OWN;
  const files = [...textsIn(join(top, name)), ...(isOwn ? ownFleet() : [])];
  const settings = STACKS.map((stack): [string, string] => [
    stackFile(stack),
    isOwn
      ? asTemplate(readFileSync(join(packageDir, stackFile(stack)), "utf8"))
      : readFileSync(join(stacks, `${name}-${stack}.yaml`), "utf8"),
  ]);
  return new Map([...files, ...settings].map(([path, text]) => [inProject(path), text]));
}

/** The path at which a package contains a template's file, as this repository does. */
export function packedPath(template: string, path: string): string {
  const stack = STACKS.find((each) => stackFile(each) === path);
  if (stack !== undefined) return join(relative(packageDir, stacks), `${template}-${stack}.yaml`);
  const file = basename(path) === IGNORE_FILE ? PACKED_IGNORE_FILE : basename(path);
  return join("templates", template, dirname(path), file);
}

const inProject = (path: string): string => (path === PACKED_IGNORE_FILE ? IGNORE_FILE : path);

/** The parts of this repository that are a fleet, as a project has them. */
function ownFleet(): [string, string][] {
  const program = readFileSync(join(packageDir, "index.ts"), "utf8");
  const processes = textsIn(join(packageDir, "processes"));
  return [
    ["index.ts", program.replace("./components/index.ts", "ao-fleet")],
    ...processes.map(([path, text]): [string, string] => [join("processes", path), text]),
  ];
}

/** A stack's settings without what pulumi wrote for one stack of this repository. */
function asTemplate(settings: string): string {
  const document = parseDocument(settings);
  document.delete("encryptionsalt");
  document.delete("secretsprovider");
  return document.toString({ lineWidth: 0 }).replaceAll(" ao-fleet:", ` ${PLACEHOLDER.name}:`);
}

const textsIn = (folder: string): [string, string][] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => [relative(folder, file), readFileSync(file, "utf8")]);
