/** What `fleet test` does: finds files, runs their tests and reports. */
import { dirname, join, resolve } from "node:path";
import { Coverage } from "./coverage.ts";
import { evaluators } from "./evaluators.ts";
import { findTests, isTestFile } from "./find-tests.ts";
import { Machine } from "./machine.ts";
import { programsOf } from "./programs.ts";
import { type FileOutcome, reportOf, type TestReport } from "./report.ts";
import { runFile } from "./run-file.ts";

interface TestRun {
  readonly projectDir: string;
  /** The folder that paths are relative to. */
  readonly cwd: string;
  readonly paths: readonly string[];
  /** Whose settings the declaration is read with. */
  readonly stack: string;
  readonly coverage: boolean;
  readonly only?: string | undefined;
  /** Time limit of one evaluation. */
  readonly timeoutSeconds: number;
  /** Gets a line before a download. */
  readonly note: (line: string) => void;
  /** Gets each file's outcome when it is known. */
  readonly ended: (outcome: FileOutcome) => void;
}

/** A report, and the folders of the sources that it depends on. */
interface RanTests {
  readonly report: TestReport;
  readonly folders: readonly string[];
}

/** @throws FleetError TEST_PATH_MISSING, TESTS_MISSING, LOCALNET_IMAGES */
export async function runTests(run: TestRun): Promise<RanTests> {
  const { projectDir, stack } = run;
  const started = performance.now();
  const files = findTests(projectDir, run.cwd, run.paths);
  const folders = new Set(files.map((file) => dirname(resolve(projectDir, file))));
  const isOwn = (file: string) => !file.startsWith("ao-fleet/") && !isTestFile(file) && !files.includes(file);
  const coverage = run.coverage ? new Coverage(isOwn) : undefined;
  const uses = ({ map }: { map: { modules: readonly { file: string }[] } }) => {
    for (const { file } of map.modules)
      if (!file.startsWith("ao-fleet/")) folders.add(dirname(resolve(projectDir, file)));
  };
  const evaluating = await evaluators(join(projectDir, ".fleet"), run.timeoutSeconds, run.note);
  try {
    const machine = new Machine(evaluating, coverage);
    const found = programsOf(projectDir, stack);
    const programs = {
      find: async (...asked: Parameters<typeof found.find>) => {
        const program = await found.find(...asked);
        uses(program);
        return program;
      },
    };
    const outcomes: FileOutcome[] = [];
    for (const file of files) {
      const outcome = await runFile(file, {
        ...{ projectDir, evaluator: evaluating.tests, machine, programs, coverage, only: run.only, uses },
      });
      outcomes.push(outcome);
      run.ended(outcome);
    }
    return {
      report: reportOf(outcomes, performance.now() - started, coverage?.report()),
      folders: [...folders],
    };
  } finally {
    await evaluating.close();
  }
}
