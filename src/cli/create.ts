#!/usr/bin/env node
/** The command of the package `create-ao-fleet`, which `npm create ao-fleet` runs, on any Node from 20.17. It is `fleet init`. */
import { parseArgs } from "node:util";
import { UsageError } from "../core/usage-error.ts";
import { manifest } from "../toolchain/paths.ts";
import { EXIT, exitCodeOf } from "./exit.ts";
import { INIT_DESCRIPTION, INIT_OPTIONS, init, initExamples, onlyFolder, wantedFrom } from "./init.ts";
import { Output } from "./output.ts";

const VALUES = Object.fromEntries(
  Object.keys(INIT_OPTIONS).map((name) => [name, { type: "string" as const }]),
);
const OPTIONS = {
  ...VALUES,
  yes: { type: "boolean", short: "y" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "V" },
} as const;

function help(): string {
  const rows = [
    ...Object.entries(INIT_OPTIONS).map(([name, { value, description }]) => [
      `--${name} ${value}`,
      description,
    ]),
    ["-y, --yes", "ask nothing: use the defaults for what is not given"],
    ["--json", "print one JSON document on stdout, and nothing else"],
    ["-V, --version", "print the version"],
  ];
  return [
    "Usage: npm create ao-fleet@latest [folder] -- [options]",
    "",
    INIT_DESCRIPTION,
    "",
    "Options:",
    ...rows.map(([option = "", text = ""]) => `  ${option.padEnd(32)}${text}`),
    "",
    "Examples:",
    ...initExamples("npx create-ao-fleet").map(([call, meaning]) => `  ${call}  # ${meaning}`),
  ].join("\n");
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError({
      code: "OPTION_INVALID",
      what: error.message,
      at: "the command line",
      remedy: "`npx create-ao-fleet --help` lists the options.",
    });
  }
}

const { stdin, stdout, stderr, env } = process;
const words = process.argv.slice(2);
const out = new Output({ stdout, stderr }, { json: words.includes("--json") });
try {
  const { values, positionals } = parsed(words);
  const folder = onlyFolder(positionals);
  if (values.help) out.line(help().split("\n"));
  else if (values.version) out.line(manifest().version);
  else await init({ stdin, stdout, stderr, env, cwd: process.cwd() }, out, wantedFrom(folder, values));
  process.exitCode = EXIT.ok;
} catch (error) {
  out.error(error);
  process.exitCode = exitCodeOf(error);
}
