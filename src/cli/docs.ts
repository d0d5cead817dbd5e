/** The pages docs/cli/*.md, made from the commands' own definitions: `node src/cli/docs.ts` writes them, a test compares them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Argument, Command, Option } from "commander";
import { packageDir } from "../toolchain/paths.ts";
import { examplesOf } from "./command.ts";
import { EXIT_MEANING } from "./exit.ts";
import { realHost } from "./host.ts";
import { buildProgram } from "./program.ts";

/** Where the pages are. */
export const docsDir: string = join(packageDir, "docs", "cli");

/** Every page by file name. */
export function docsPages(program: Command): Map<string, string> {
  const commands = program.commands.filter((command) => command.name() !== "help");
  const pages = new Map([["README.md", indexPage(program, commands)]]);
  for (const command of commands) pages.set(`${command.name()}.md`, commandPage(command));
  return pages;
}

function indexPage(program: Command, commands: readonly Command[]): string {
  return [
    "# The fleet command",
    "",
    `${program.description()} Results are on stdout, notes on stderr; with \`--json\` stdout is one JSON document.`,
    "`NO_COLOR` turns colours off, `--quiet` notes; `--verbose` says more. `fleet <command> --help` shows what these pages show.",
    "",
    "What commands say is kept in `build/logs/fleet.jsonl`, one JSON object a line with level, time, command and exit code; a long file",
    "is put aside as `fleet.jsonl.1`. `FLEET_LOG_LEVEL` is `debug`, `info` (default), `warn`, `error` or `silent`.",
    "",
    "| command | what it does |",
    "|---|---|",
    ...commands.map(
      (command) => `| [${command.name()}](${command.name()}.md) | ${cell(summaryOf(command))} |`,
    ),
    "",
    "## Exit codes",
    "",
    "| code | meaning |",
    "|---|---|",
    ...EXIT_MEANING.map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`),
    "",
    "These pages are made by `node src/cli/docs.ts` from the commands' definitions.",
    "",
  ].join("\n");
}

function commandPage(command: Command): string {
  const children = command.commands.filter((child) => child.name() !== "help");
  const parts = children.flatMap((child) => ["", ...section(child, "##")]);
  return [...section(command, "#"), ...parts, ""].join("\n");
}

function section(command: Command, level: string): string[] {
  const names = [command.name()];
  for (let up = command.parent; up; up = up.parent) names.unshift(up.name());
  const lines = [`${level} ${names.join(" ")}`, "", command.description()];
  if (command.commands.length === 0)
    lines.push("", "```sh", `npx ${names.join(" ")} ${command.usage()}`.trimEnd(), "```");
  const { registeredArguments: args, options } = command;
  if (args.length > 0) {
    lines.push("", "| argument | what it is |", "|---|---|");
    for (const argument of args) lines.push(`| \`${termOf(argument)}\` | ${cell(argument.description)} |`);
  }
  if (options.length > 0) {
    lines.push("", "| option | what it does | default |", "|---|---|---|");
    for (const option of options) {
      lines.push(`| \`${option.flags}\` | ${cell(option.description)} | ${defaultOf(option)} |`);
    }
  }
  const examples = examplesOf(command);
  if (examples.length > 0) {
    lines.push("", "```sh");
    for (const [call, meaning] of examples) lines.push(`${call}  # ${meaning}`);
    lines.push("```");
  }
  return lines;
}

const summaryOf = (command: Command): string => command.summary() || command.description();

function defaultOf({ defaultValue: value, negate }: Option): string {
  if (value === undefined || negate || (Array.isArray(value) && value.length === 0)) return "";
  return `\`${String(value)}\``;
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** The whole command tree, for pages and tests. */
export function documentedProgram(): Promise<Command> {
  return buildProgram({ host: realHost(), exitCode: 0 }, "0.0.0");
}

/** As the usage line shows it: `<process>`, `[members...]`. */
export function termOf(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

if (import.meta.main) {
  mkdirSync(docsDir, { recursive: true });
  for (const [name, text] of docsPages(await documentedProgram())) writeFileSync(join(docsDir, name), text);
}
