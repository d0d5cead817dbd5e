import { CommanderError } from "commander";
import { FleetError } from "../core/errors.ts";
import { manifest } from "../toolchain/paths.ts";
import { type Cli, protectLeadingHyphen } from "./command.ts";
import { EXIT, exitCodeOf } from "./exit.ts";
import { type Host, realHost } from "./host.ts";
import { Output } from "./output.ts";
import { buildProgram } from "./program.ts";

/** Runs `fleet` with the given arguments. Returns the exit code and never throws. */
export async function main(words: readonly string[], host: Host = realHost()): Promise<number> {
  const cli: Cli = { host, exitCode: EXIT.ok };
  try {
    const program = await buildProgram(cli, manifest().version, words);
    await program.parseAsync(words.map(protectLeadingHyphen), { from: "user" });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    // With `bundle --out -`, standard output is the bundle's.
    const streams = isBundleOnStdout(words) ? { stdout: host.stderr, stderr: host.stderr } : host;
    new Output(streams, { json: words.includes("--json") }).error(error);
    return error instanceof FleetError ? exitCodeOf(error) : EXIT.failed;
  }
}

const isBundleOnStdout = (words: readonly string[]): boolean =>
  words.some((word, index) => word === "--out=-" || (word === "--out" && words[index + 1] === "-"));
