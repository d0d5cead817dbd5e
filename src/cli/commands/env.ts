import type { Command } from "commander";
import { z } from "zod";
import { environment, exportLines, makeBackend } from "../../toolchain/env.ts";
import { DEV } from "../../toolchain/paths.ts";
import { type Cli, defineCommand } from "../command.ts";

export function envCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "env",
    summary: "print the environment that pulumi needs in a shell",
    description:
      "Prints `export` lines for a shell: node_modules/.bin on the PATH, the backend, whose folder it creates, and the stack's passphrase " +
      "file (.fleet/<stack>-passphrase) if there is one. Keeps variables that you set yourself. Replaces or unsets those that an earlier " +
      "`fleet env` set for another project or stack; FLEET_ENV records them. Never uses the dev stack's passphrase for another stack.",
    examples: [
      ['eval "$(npx fleet env)"', "then `pulumi up` works in this shell"],
      ['eval "$(npx fleet env --stack prod)"', "the same for the stack prod"],
    ],
    stack: false,
    define: (command) => command.option("-s, --stack <name>", "stack to use in the shell", DEV),
    options: z.looseObject({ stack: z.string() }),
    async run({ out, host, projectDir }, { stack }) {
      const variables = environment(projectDir, host.env, stack);
      makeBackend(projectDir);
      out.verbatim(exportLines(variables));
      // JSON has no `undefined`: null means that the variable must be unset.
      out.document(
        Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, value ?? null])),
      );
      return undefined;
    },
  });
}
