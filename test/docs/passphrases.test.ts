import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageDir } from "../../src/toolchain/paths.ts";

/**
 * A shell has the passphrase of one stack (`npx fleet env --stack <name>`): pulumi refuses the secrets of another one. `fleet` commands
 * read the passphrase of the stack that they work on.
 */

/** The commands in the shell blocks of a page, in their order. */
const commandsOf = (text: string): string[] =>
  [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].flatMap(([, block = ""]) =>
    block.split("\n").map((line) => line.trim()),
  );

/** Commands of pulumi on another stack than the one whose passphrase the shell has; `pulumi config` of a plain value needs none. */
function wrongPassphrases(text: string): string[] {
  let shell = "dev";
  return commandsOf(text).filter((command) => {
    const env = /npx fleet env(?: --stack (\S+?))?\)/.exec(command);
    if (env) shell = env[1] ?? "dev";
    const stack = /^npx pulumi (?!config|stack init).*--stack (\S+)/.exec(command)?.[1];
    return stack !== undefined && stack !== shell;
  });
}

test.each(globSync("docs/start/*.md", { cwd: packageDir }))(
  "%s switches the shell to a stack before pulumi works on it",
  (page) => {
    expect(wrongPassphrases(readFileSync(join(packageDir, page), "utf8"))).toEqual([]);
  },
);
