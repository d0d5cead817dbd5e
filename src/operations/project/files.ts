/** The files of a new project, from a template and the choices. Pure. */
import { parseDocument } from "yaml";
import { PLACEHOLDER } from "../../toolchain/templates.ts";
import type { Choices } from "./choices.ts";
import { USAGE } from "./package-managers.ts";

/** @param template the files of the template, by path */
export function projectFiles(
  template: ReadonlyMap<string, string>,
  description: string,
  choices: Choices,
): Map<string, string> {
  const files = new Map(
    [...template].map(([path, text]) => [
      path,
      text
        .replaceAll(PLACEHOLDER.name, choices.name)
        .replaceAll(PLACEHOLDER.description, JSON.stringify(description)),
    ]),
  );
  for (const [path, change] of Object.entries(CHANGES)) {
    const text = files.get(path);
    if (text !== undefined) files.set(path, change(text, choices));
  }
  for (const [path, text] of Object.entries(USAGE[choices.packageManager].files)) files.set(path, text);
  return files;
}

const CHANGES: Readonly<Record<string, (text: string, choices: Choices) => string>> = {
  "Pulumi.yaml": projectSettings,
  "Pulumi.staging.yaml": stackSettings,
  "Pulumi.prod.yaml": stackSettings,
  "package.json": manifest,
};

function projectSettings(text: string, { network, packageManager }: Choices): string {
  const document = parseDocument(text);
  document.delete("template");
  document.setIn(["config", "localProtocol", "default"], network);
  if (packageManager !== "npm") document.setIn(["runtime", "options", "packagemanager"], packageManager);
  return document.toString({ lineWidth: 0 });
}

function stackSettings(text: string, { name, network }: Choices): string {
  const document = parseDocument(text);
  document.setIn(["config", `${name}:network`], network);
  return document.toString({ lineWidth: 0 });
}

function manifest(text: string, { packageManager, library }: Choices): string {
  const { dependencies, allowScripts, ...rest } = JSON.parse(text);
  const fields = {
    ...rest,
    dependencies: library === undefined ? dependencies : { ...dependencies, "ao-fleet": library },
    // Install scripts that npm may run; other package managers have their own lists.
    ...(packageManager === "npm" ? { allowScripts } : {}),
    ...USAGE[packageManager].fields,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}
