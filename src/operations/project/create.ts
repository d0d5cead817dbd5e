import { relative } from "node:path";
import { shellWords } from "../../core/shell-words.ts";
import { templateDescription, templateFiles } from "../../toolchain/templates.ts";
import { type Choices, chosen, lookAround, type Surroundings, type Wanted } from "./choices.ts";
import { projectFiles } from "./files.ts";
import { USAGE } from "./package-managers.ts";
import { writeProject } from "./write.ts";

/** A project that was written. */
interface Created extends Choices {
  /** Paths of its files, from its folder. */
  readonly files: readonly string[];
  /** The commands that come next, in their order. */
  readonly next: readonly string[];
}

/**
 * Writes a new project. Installs nothing.
 *
 * @throws FleetError with every problem of the choices at once; nothing is written then
 */
export function createProject(
  wanted: Wanted,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Created {
  const around = lookAround(cwd, env);
  const choices = chosen(wanted, around);
  const files = projectFiles(templateFiles(choices.template), templateDescription(choices.template), choices);
  writeProject(choices.folder, files);
  return { ...choices, files: [...files.keys()].sort(), next: nextSteps(choices, around) };
}

/** The commands from a new project to its first deployment. Pure. */
function nextSteps({ folder, packageManager }: Choices, { cwd }: Pick<Surroundings, "cwd">): string[] {
  const { install, exec } = USAGE[packageManager];
  const way = relative(cwd, folder);
  return [
    ...(way === "" ? [] : [`cd ${shellWords([way])}`]),
    install,
    `${exec} fleet stack init dev`,
    `${exec} fleet deploy`,
  ];
}
