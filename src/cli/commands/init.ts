import { Command } from "commander";
import { showExamples } from "../examples.ts";
import type { Host } from "../host.ts";
import { INIT_DESCRIPTION, INIT_OPTIONS, init, initExamples, wantedFrom } from "../init.ts";
import { Output } from "../output.ts";

/** `fleet init`: needs neither a project nor a stack. */
export function initCommand(host: Host): Command {
  const command = new Command("init")
    .summary("write a new project from a template")
    .description(INIT_DESCRIPTION)
    .argument(
      "[folder]",
      "the project's folder; it is created (default: the working folder, if it is empty)",
    );
  for (const [name, { value, description }] of Object.entries(INIT_OPTIONS))
    command.option(`--${name} ${value}`, description);
  command
    .option("-y, --yes", "ask nothing: use the defaults for what is not given")
    .option("--json", "print one JSON document on stdout, and nothing else");
  showExamples(command, initExamples("npx ao-fleet init"));
  return command.action(async (folder: string | undefined, options: Record<string, string | boolean>) => {
    const { packageManager, ...rest } = options;
    const named = { ...rest, "package-manager": packageManager };
    await init(host, new Output(host, { json: options.json === true }), wantedFrom(folder, named));
  });
}
