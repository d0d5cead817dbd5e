import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import type { FleetSession, OpenOptions } from "../fleet/fleet-session.ts";
import type { Workspace } from "../operations/workspace/workspace.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit.ts";
import type { Host } from "./host.ts";
import { openLog } from "./log.ts";
import { Output } from "./output.ts";
import { findProject } from "./project.ts";

/** One call of `fleet`: where it runs, and how it ends. */
export interface Cli {
  readonly host: Host;
  exitCode: number;
}

/** What a command is given. */
export interface Context {
  readonly host: Host;
  readonly out: Output;
  /** The folder with Pulumi.yaml. */
  readonly projectDir: string;
  workspace(): Promise<Workspace>;
  /** The stack that is meant. */
  stack(): Promise<string>;
  /** The fleet of that stack; closed when the command ends. */
  fleet(options: Omit<OpenOptions, "note">): Promise<FleetSession>;
}

const SharedSchema = z.looseObject({
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
  verbose: z.boolean().default(false),
  cwd: z.string().optional(),
  stack: z.string().optional(),
});

interface CommandSpec<O extends z.ZodType> {
  readonly name: string;
  /** One line, imperative, lower case. */
  readonly summary: string;
  /** More, for the command's own help and its page. */
  readonly description: string;
  /** Call and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** Whether it is about a stack. @default true */
  readonly stack?: boolean;
  /** Adds arguments and options. */
  readonly define?: (command: Command) => void;
  /** Options, as commander collects them. */
  readonly options: O;
  readonly run: (
    context: Context,
    options: z.output<O>,
    args: readonly string[],
  ) => Promise<ExitCode | undefined>;
}

/** Before an id that begins with a hyphen, while options are parsed; nobody types it. */
const MARK = "\u2060";

/** A word for the parser of options: one id in 64 begins with a hyphen, and is no option. Pure. */
export const asWord = (word: string): string => (/^-[\w-]{42}$/.test(word) ? `${MARK}${word}` : word);

/** Undoes `asWord`, wherever the parser put the word. Pure. */
const typed = (value: unknown): unknown =>
  typeof value === "string" ? value.replaceAll(MARK, "") : Array.isArray(value) ? value.map(typed) : value;

const shown = new WeakMap<Command, CommandSpec<z.ZodType>["examples"]>();

/** The examples of a command, for its page; none for a command that was not made by `defineCommand`. */
export const examplesOf = (command: Command): CommandSpec<z.ZodType>["examples"] => shown.get(command) ?? [];

/** A command with the options that all share; its errors are said and become exit codes here, in one place. */
export function defineCommand<O extends z.ZodType>(cli: Cli, spec: CommandSpec<O>): Command {
  const command = new Command(spec.name).summary(spec.summary).description(spec.description);
  spec.define?.(command);
  if (spec.stack !== false) {
    command.option(
      "-s, --stack <name>",
      "stack to work on (default: PULUMI_STACK, else the selected one, else dev)",
    );
  }
  command
    .option("-C, --cwd <folder>", "project folder (default: the nearest with a Pulumi.yaml)")
    .option("--json", "one JSON document on stdout and nothing else there")
    .option("-q, --quiet", "no notes on stderr")
    .option("-v, --verbose", "more notes on stderr")
    .addHelpText("after", examplesText(spec.examples));
  shown.set(command, spec.examples);
  return command.action(async () => {
    const raw = Object.fromEntries(
      Object.entries(command.opts()).map(([name, value]) => [name, typed(value)]),
    );
    const args = command.args.map((word) => String(typed(word)));
    const shared = SharedSchema.parse(raw);
    const projectDir = findProject(resolve(cli.host.cwd, shared.cwd ?? "."));
    const level = cli.host.env.FLEET_LOG_LEVEL ?? (shared.verbose ? "debug" : "info");
    const log = await openLog(projectDir, { command: spec.name, pid: process.pid }, level);
    const out = new Output(cli.host, { ...shared, log: log.say });
    const { context, close } = contextFor(cli, shared, out, projectDir, spec.stack !== false);
    const started = performance.now();
    log.say("info", "begins");
    try {
      const options = spec.options.parse(raw);
      cli.exitCode = (await spec.run(context, options, args)) ?? EXIT.ok;
    } catch (error) {
      out.error(error);
      cli.exitCode = exitCodeOf(error);
    } finally {
      await close();
      log.say("info", "ended", { exitCode: cli.exitCode, ms: Math.round(performance.now() - started) });
      log.close();
    }
  });
}

function contextFor(
  { host }: Cli,
  shared: z.output<typeof SharedSchema>,
  out: Output,
  projectDir: string,
  hasStack: boolean,
): { context: Context; close(): Promise<void> } {
  const opened: FleetSession[] = [];
  let workspace: Promise<Workspace> | undefined;
  let stack: Promise<string> | undefined;
  // Which stack it is can be asked without a passphrase; whatever else is asked needs that stack's own.
  const name = () => {
    stack ??= host.workspace(projectDir).then((any) => host.stackName(any, shared.stack));
    return stack;
  };
  const context: Context = {
    host,
    out,
    projectDir,
    workspace() {
      workspace ??= hasStack
        ? name().then((stack) => host.workspace(projectDir, stack))
        : host.workspace(projectDir);
      return workspace;
    },
    stack: name,
    async fleet(options) {
      const stack = await context.stack();
      const fleet = await host.openFleet(await context.workspace(), stack, {
        ...options,
        note: (line) => out.note(line),
      });
      opened.push(fleet);
      return fleet;
    },
  };
  return {
    context,
    async close() {
      for (const fleet of opened) await fleet.close();
    },
  };
}

/** The examples as they are shown under a command's help. */
function examplesText(examples: readonly (readonly [string, string])[]): string {
  if (examples.length === 0) return "";
  const width = Math.max(...examples.map(([call]) => call.length));
  return `\nExamples:\n${examples.map(([call, meaning]) => `  ${call.padEnd(width)}  ${meaning}`).join("\n")}`;
}

/** For commander: a number of seconds, more than zero. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("Give a number of seconds above zero.");
  }
  return value;
}

/** For commander: any number above zero. */
export function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Give a number above zero.");
}

/** For commander: a whole number from `least` on. */
export function count(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`Give a whole number from ${least} on.`);
    }
    return value;
  };
}

/** For commander: names separated by spaces or commas, also over several uses of the option. */
export function names(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(/[\s,]+/).filter((name) => name !== "")];
}

/** For commander: `key=value`, collected over several uses of the option. */
export function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Give it as name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
