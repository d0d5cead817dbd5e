import type { Command } from "commander";
import { z } from "zod";
import { environment, exportLines, makeBackend } from "../../toolchain/env.ts";
import { DEV } from "../../toolchain/paths.ts";
import { type Cli, defineCommand } from "../command.ts";

export function envCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "env",
    summary: "print what a bare pulumi needs in this shell",
    description:
      "Prints `export` lines for a shell: node_modules/.bin on the PATH, the backend, whose folder is made, and the stack's passphrase file " +
      "(.fleet/<stack>-passphrase) where there is one. What you set yourself is kept. What an earlier `fleet env` set, for " +
      "another project or stack, is replaced or unset; FLEET_ENV notes it. The dev stack's passphrase is never another stack's.",
    examples: [
      ['eval "$(npx fleet env)"', "then `pulumi up` works in this shell"],
      ['eval "$(npx fleet env --stack prod)"', "the same for the stack prod"],
    ],
    stack: false,
    define: (command) => command.option("-s, --stack <name>", "stack that the shell is for", DEV),
    options: z.looseObject({ stack: z.string() }),
    async run({ out, host, projectDir }, { stack }) {
      const variables = environment(projectDir, host.env, stack);
      makeBackend(projectDir);
      out.line(exportLines(variables).trimEnd());
      // JSON has no `undefined`: null says that the variable is to be unset.
      out.document(
        Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, value ?? null])),
      );
      return undefined;
    },
  });
}
