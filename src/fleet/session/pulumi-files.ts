/** The settings files of a Pulumi project: the project file, and one for each stack. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { settingsFile } from "../../core/settings-file.ts";

const firstIn = (folder: string, names: readonly string[]): string | undefined =>
  names.map((name) => join(folder, name)).find((file) => existsSync(file));

/** The project file in a folder; undefined if there is none. */
export const projectFileIn = (folder: string): string | undefined =>
  firstIn(folder, ["Pulumi.yaml", "Pulumi.yml"]);

/** The folder of the stacks' files. @param stackConfigDir as in the project file */
export const stackFolder = (projectDir: string, stackConfigDir: unknown): string =>
  resolve(projectDir, typeof stackConfigDir === "string" ? stackConfigDir : ".");

/** The file of a stack; undefined if there is none. */
export const stackFileIn = (folder: string, stack: string): string | undefined =>
  firstIn(folder, [`Pulumi.${stack}.yaml`, `Pulumi.${stack}.yml`]);

/** The files of all stacks. */
export const stackFilesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((name) => (/^Pulumi\..+\.ya?ml$/.test(name) ? [join(folder, name)] : []))
    : [];

/**
 * The content of a settings file; undefined without a file.
 *
 * @param schema `failsafe` keeps every value as the string that is written. @default core
 * @throws FleetError PROJECT_UNREADABLE
 */
export const settingsIn = (file: string | undefined, schema: "core" | "failsafe" = "core"): unknown =>
  file === undefined ? undefined : settingsFile(file, (text) => parse(text, { schema }));
