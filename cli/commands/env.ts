import type { Command } from "commander";
import { z } from "zod";
import { environment, exportLines } from "../../toolchain/env.ts";
import { type Cli, defineCommand } from "../command.ts";

export function envCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "env",
    summary: "print what a bare pulumi needs in this shell",
    description:
      "Prints `export` lines for a shell: node_modules/.bin on the PATH, the backend, the dev stack's passphrase file. " +
      "What is set already is kept.",
    examples: [['eval "$(npx fleet env)"', "then `pulumi up` works in this shell"]],
    stack: false,
    options: z.looseObject({}),
    async run({ out, host, projectDir }) {
      const variables = environment(projectDir, host.env);
      out.line(exportLines(variables).trimEnd());
      out.document(variables);
      return undefined;
    },
  });
}
