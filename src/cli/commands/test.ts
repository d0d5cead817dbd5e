import { resolve } from "node:path";
import type { Command } from "commander";
import { Option } from "commander";
import { z } from "zod";
import { watchFolders } from "../../bundler/index.ts";
import { FleetError } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import { ranges } from "../../operations/lua-tests/coverage.ts";
import { failureText } from "../../operations/lua-tests/failure-text.ts";
import { junitOf } from "../../operations/lua-tests/junit.ts";
import type { FileOutcome, TestReport } from "../../operations/lua-tests/report.ts";
import { runTests } from "../../operations/lua-tests/run-tests.ts";
import { type Cli, type Context, defineCommand, seconds } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";
import { untilSignal } from "../until-signal.ts";

const REPORTERS = ["text", "json", "junit"] as const;

const Options = z.looseObject({
  stack: z.string().default("dev"),
  grep: z.string().optional(),
  coverage: z.boolean().default(false),
  watch: z.boolean().default(false),
  reporter: z.enum(REPORTERS),
  timeout: z.number(),
});
type Options = z.output<typeof Options>;

export function testCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "test",
    summary: "run Lua tests in real aos images, without a network",
    description:
      "Runs *.test.lua and *_test.lua. A test boots members of the declaration, or Lua files, in real aos images on this machine, sends messages " +
      "and reads what is sent. Needs no network and no pulumi. Exit code 1 if a test failed or a file could not be loaded.",
    examples: [
      ["npx fleet test", "all tests of the project"],
      ["npx fleet test processes/counter --watch", "one folder, again after each change"],
      ["npx fleet test --coverage", "with the lines that no test ran"],
      ["npx fleet test --reporter junit", "JUnit XML on stdout"],
    ],
    stack: false,
    define: (command) =>
      command
        .argument("[paths...]", "files or folders (default: the project)")
        .option("-s, --stack <name>", "stack whose settings the declaration is read with", "dev")
        .option("-g, --grep <text>", "run only tests whose titles contain this text")
        .option("--coverage", "report which lines of your sources ran")
        .option("-w, --watch", "run again whenever a Lua file or the declaration changes")
        .addOption(new Option("--reporter <name>", "format of the report").choices(REPORTERS).default("text"))
        .option("--timeout <seconds>", "time limit for one message", seconds, 60),
    options: Options,
    run,
  });
}

async function run(context: Context, options: Options, paths: readonly string[]): Promise<ExitCode> {
  const { out, projectDir } = context;
  if (options.watch && (out.json || options.reporter !== "text"))
    throw new UsageError({
      code: "WATCH_REPORT",
      what: "--watch runs the tests again and again, and a report is of one run.",
      got: out.json ? "--json" : `--reporter ${options.reporter}`,
      expected: "--watch with the reporter text",
      remedy: "Leave out one of the two.",
    });
  const attempt = () =>
    runTests({
      ...{ projectDir, cwd: resolve(context.host.cwd), paths, stack: options.stack },
      ...{ coverage: options.coverage, only: options.grep, timeoutSeconds: options.timeout },
      note: (line) => out.note(line),
      ended: (outcome) => printFile(context, options, outcome),
    });
  if (!options.watch) {
    const { report } = await attempt();
    await print(context, options, report);
    return report.success ? EXIT.ok : EXIT.failed;
  }
  const ended = untilSignal();
  try {
    const again = async (): Promise<readonly string[]> => {
      try {
        const { report, folders } = await attempt();
        await print(context, options, report);
        return [projectDir, ...folders];
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        out.error(error);
        return [projectDir];
      }
    };
    await watchFolders(again, { counts: (file) => /\.(lua|ts|ya?ml)$/.test(file) }, ended.signal);
    return EXIT.ok;
  } finally {
    ended.forget();
  }
}

/** The failures of a file, when it has ended. */
function printFile({ out }: Context, { reporter }: Options, { file, tests, failure }: FileOutcome): void {
  if (reporter !== "text") return;
  const failed = tests.filter((test) => test.status === "failed");
  const isPassed = failed.length === 0 && failure === undefined;
  const mark = isPassed ? out.style("green", "passed") : out.style("red", "failed");
  const ms = tests.reduce((sum, test) => sum + test.ms, 0);
  out.line(`${mark}  ${file}  ${tests.length - failed.length} of ${tests.length} in ${ms} ms`);
  if (failure !== undefined) out.line(failureText(failure).split("\n").map(indented));
  for (const test of tests) {
    if (test.failure !== undefined) out.line(`  ${[...test.suites, test.title].join(" > ")}`);
    for (const line of test.printed ?? []) out.line(indented(indented(line)));
    if (test.failure !== undefined)
      out.line(
        failureText(test.failure)
          .split("\n")
          .map((line) => indented(indented(line))),
      );
  }
}

const indented = (line: string): string => `  ${line}`;

async function print({ out }: Context, { reporter }: Options, report: TestReport): Promise<void> {
  out.document(report);
  if (reporter === "json") return out.verbatim(`${JSON.stringify(report, null, 2)}\n`);
  if (reporter === "junit") return out.verbatim(await junitOf(report, new Date()));
  const { coverage } = report;
  if (coverage !== undefined) {
    const percent = (covered: number, lines: number) =>
      lines === 0 ? "" : `${((100 * covered) / lines).toFixed(1)} %`;
    const rows = coverage.files.map(({ file, lines, covered, missing }) => [
      ...[file, `${covered} of ${lines}`, percent(covered, lines), ranges(missing)],
    ]);
    const all = [
      "all",
      `${coverage.covered} of ${coverage.lines}`,
      percent(coverage.covered, coverage.lines),
      "",
    ];
    for (const line of table(["file", "lines", "", "not run"], [...rows, all])) out.line(line);
  }
  out.line(`${report.passed} passed, ${report.failed} failed in ${(report.ms / 1000).toFixed(1)} s`);
}
