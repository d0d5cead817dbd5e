import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { FleetError } from "../core/errors.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import type { OperationContext } from "../operations/context.ts";
import type { Workspace } from "../operations/workspace/workspace.ts";
import { type Examples, showExamples } from "./examples.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit.ts";
import { type Host, withPlainQuestions } from "./host.ts";
import { openLog } from "./log.ts";
import { Output } from "./output.ts";
import { findProject } from "./project.ts";
import { onStackOf, stackHint } from "./stack-hint.ts";

/** One call of `fleet`: its host and its exit code. */
export interface Cli {
  readonly host: Host;
  exitCode: number;
}

/** What a command can use. */
export interface Context extends OperationContext {
  readonly host: Host;
  readonly out: Output;
  /** What a suggested command needs to act on the same stack: ` --stack prod` if the stack was named so, otherwise an empty string. */
  readonly onStack: string;
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
  /** One line, imperative, starting in lower case. */
  readonly summary: string;
  /** The description in the command's help and on its page. */
  readonly description: string;
  readonly examples: Examples;
  /** Whether it works on a stack. @default true */
  readonly stack?: boolean;
  /** Adds arguments and options. */
  readonly define?: (command: Command) => void;
  /** Schema of the options that commander collects. */
  readonly options: O;
  readonly run: (
    context: Context,
    options: z.output<O>,
    args: readonly string[],
  ) => Promise<ExitCode | undefined>;
}

/** Prefix of ids that start with a hyphen while options are parsed: a character that nobody types. */
const MARK = "\u2060";

/** Marks an id that starts with a hyphen (one in 64), so that the parser does not take it for an option. Pure. */
export const protectLeadingHyphen = (word: string): string =>
  /^-[\w-]{42}$/.test(word) ? `${MARK}${word}` : word;

/** Undoes `protectLeadingHyphen` in every parsed value. Pure. */
const typed = (value: unknown): unknown =>
  typeof value === "string" ? value.replaceAll(MARK, "") : Array.isArray(value) ? value.map(typed) : value;

/** Creates a command with the shared options. The only place where errors are printed and become exit codes. */
export function defineCommand<O extends z.ZodType>(cli: Cli, spec: CommandSpec<O>): Command {
  const command = new Command(spec.name).summary(spec.summary).description(spec.description);
  spec.define?.(command);
  if (spec.stack !== false) {
    command.option(
      "-s, --stack <name>",
      "stack to work on (default: PULUMI_STACK, then the selected stack, then dev)",
    );
  }
  command
    .option("-C, --cwd <folder>", "project folder (default: the nearest one with a Pulumi.yaml)")
    .option("--json", "print one JSON document on stdout, and nothing else")
    .option("-q, --quiet", "print no progress on stderr")
    .option("-v, --verbose", "print more details on stderr");
  showExamples(command, spec.examples);
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
    log.say("info", "started");
    const failed = (error: unknown) => {
      out.error(error);
      out.note(stackHint(context.onStack, error instanceof FleetError ? error.problems : []));
      return exitCodeOf(error);
    };
    try {
      const options = spec.options.parse(raw);
      cli.exitCode = (await spec.run(context, options, args)) ?? EXIT.ok;
    } catch (error) {
      cli.exitCode = failed(error);
    }
    for (const error of await close()) {
      const code = failed(error);
      if (cli.exitCode === EXIT.ok) cli.exitCode = code;
    }
    log.say("info", "finished", { exitCode: cli.exitCode, ms: Math.round(performance.now() - started) });
    log.close();
  });
}

function contextFor(
  { host }: Cli,
  shared: z.output<typeof SharedSchema>,
  out: Output,
  projectDir: string,
  hasStack: boolean,
): { context: Context; close(): Promise<unknown[]> } {
  const opened: FleetSession[] = [];
  let workspace: Promise<Workspace> | undefined;
  let stack: Promise<string> | undefined;
  // Finding the stack's name needs no passphrase; everything else needs the passphrase of that stack.
  const name = () => {
    stack ??= host.workspace(projectDir).then((any) => host.stackName(any, shared.stack));
    return stack;
  };
  const context: Context = {
    host: withPlainQuestions(host),
    out,
    projectDir,
    workspace() {
      workspace ??= hasStack
        ? name().then((stack) => host.workspace(projectDir, stack))
        : host.workspace(projectDir);
      return workspace;
    },
    stack: name,
    onStack: onStackOf(shared.stack),
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
    /** Closes every fleet; returns the errors. */
    async close() {
      const closed = await Promise.allSettled(opened.map((fleet) => fleet.close()));
      return closed.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
    },
  };
}

/** Creates a command that only groups others. */
export function groupOf(
  cli: Cli,
  { name, summary, description }: Pick<CommandSpec<z.ZodType>, "name" | "summary" | "description">,
  commands: readonly ((cli: Cli) => Command)[],
): Command {
  const group = new Command(name).summary(summary).description(description);
  for (const make of commands) group.addCommand(make(cli));
  return group;
}

/** A commander parser of numbers. @param expected completes "Expected …." */
export const number =
  (expected: string, isValid: (value: number) => boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && isValid(value)) return value;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };

/** Commander parser: a number of seconds above zero. */
export const seconds = number("a number of seconds above zero", (value) => value > 0);

/** Commander parser: any number above zero. */
export const positive = number("a number above zero", (value) => value > 0);

/** Commander parser: an integer of at least `least`. */
export const count = (least: number) =>
  number(`an integer of at least ${least}`, (value) => Number.isInteger(value) && value >= least);

/** Commander parser: names separated by spaces or commas; the option may be repeated. */
export function names(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(/[\s,]+/).filter((name) => name !== "")];
}

/** Commander parser: `name=value`; the option may be repeated. */
export function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Expected name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
