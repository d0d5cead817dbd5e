import { Command } from "commander";
import { type Bundle, type BundleOptions, bundle, watchBundle } from "../../bundler/index.ts";
import { FleetError } from "../../core/errors.ts";
import { bundleText, processName, writeBundle } from "../../operations/bundle/write.ts";
import { untilSignal } from "../until-signal.ts";

interface Flags {
  readonly out?: string;
  readonly map?: string | true;
  readonly name?: string;
  readonly root: string;
  readonly search: string[];
  readonly prelude: string[];
  readonly include: string[];
  readonly external: string[];
  readonly minify?: true;
  readonly budget?: number;
  readonly report?: true;
  readonly watch?: true;
  readonly json?: true;
}

/** `fleet bundle`: bundles a process' Lua sources, without a network. */
export function bundleCommand(streams: BundleStreams = process): Command {
  const several = (value: string, before: string[]) => [...before, value];
  return new Command("bundle")
    .description("Bundle a Lua program and everything that it requires into one file.")
    .argument("<entry>", "a Lua file, a folder with init.lua or main.lua, or npm:<package>")
    .option("--out <file>", "output file (default: build/<process>-process.lua; - is standard output)")
    .option("--map [file]", "also write the source map (default: next to the output file, .map.json)")
    .option("--name <process>", "name of the process (default: derived from the entry)")
    .option("--root <folder>", "project folder", ".")
    .option("--search <folder>", "also search for modules in this folder (repeatable)", several, [])
    .option("--prelude <file>", "run this module before the entry (repeatable)", several, [])
    .option(
      "--include <module>",
      "include a module whose name is computed at run time (repeatable)",
      several,
      [],
    )
    .option(
      "--external <module>",
      "do not bundle this module, the process provides it (repeatable, trailing * allowed)",
      several,
      [],
    )
    .option("--minify", "remove comments and unneeded spaces; line numbers stay the same")
    .option("--budget <bytes>", "fail if the bundle is larger", bytesOf)
    .option("--report", "print the size of each module")
    .option("--watch", "bundle again whenever a source file changes")
    .option("--json", "print one JSON document for each bundle")
    .action((entry: string, flags: Flags, command: Command) =>
      run(entry, { ...command.parent?.opts(), ...flags }, streams),
    );
}

/** The output streams of the command; by default the process' own. */
interface BundleStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

async function run(entry: string, flags: Flags, streams: BundleStreams): Promise<void> {
  const options: BundleOptions = {
    name: flags.name ?? processName(entry),
    entry,
    root: flags.root,
    search: flags.search,
    prelude: flags.prelude,
    include: flags.include,
    externals: flags.external,
    minify: flags.minify === true,
    ...(flags.budget === undefined ? {} : { budget: { maxBytes: flags.budget } }),
  };
  if (flags.watch !== true) {
    await write(await bundle(options), flags, streams);
    return;
  }
  const ended = untilSignal();
  try {
    await watchBundle(
      options,
      {
        made: (made) => write(made, flags, streams),
        failed: (error) => say(flags, streams, { success: false, problems: error.problems }, error.message),
      },
      ended.signal,
    );
  } finally {
    ended.forget();
  }
}

async function write(made: Bundle, flags: Flags, streams: BundleStreams): Promise<void> {
  const { out, document } = await writeBundle(made, flags);
  if (out === "-") streams.stdout.write(made.text);
  say(flags, streams, document, bundleText(made, out, flags.report === true));
}

/** Prints a result on standard output, or on standard error with `--out -`, which sends the bundle to standard output. */
function say(flags: Flags, streams: BundleStreams, document: object, words: string): void {
  const stream = flags.out === "-" ? streams.stderr : streams.stdout;
  stream.write(flags.json === true ? `${JSON.stringify(document)}\n` : `${words}\n`);
}

function bytesOf(value: string): number {
  const bytes = Number(value);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new FleetError({
    code: "BUDGET_INVALID",
    what: "Invalid value for --budget.",
    got: value,
    expected: "an integer above 0, in bytes",
    remedy: "Pass a number of bytes, such as --budget 500000.",
    at: "--budget",
  });
}
