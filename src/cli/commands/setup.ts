import type { Command } from "commander";
import { z } from "zod";
import { setUp } from "../../toolchain/setup.ts";
import { type Cli, defineCommand } from "../command.ts";

export function setupCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "setup",
    summary: "install what is missing on this machine",
    description:
      "Installs the pulumi CLI and creates what the stack dev needs in this project: a passphrase and a wallet in .fleet (mode 600, " +
      "ignored by git), Pulumi.dev.yaml, the folder of a file backend, and the aos images of the embedded network. Leaves existing files " +
      "unchanged.",
    examples: [["npx fleet setup", "once in a new project, or after a clone"]],
    stack: false,
    options: z.looseObject({}),
    async run({ out, projectDir }) {
      const cliFrom = await setUp(projectDir, (line) => out.note(line));
      out.line(`ready: ${projectDir}`);
      out.document({ success: true, projectDir, cli: cliFrom });
      return undefined;
    },
  });
}
