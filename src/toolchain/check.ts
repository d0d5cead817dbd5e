/** `npm test`: format and lint, types, then the tests. All of them run, even after a failure. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { FleetError } from "../core/errors.ts";
import { ensureBrowser } from "./browser.ts";
import { environment } from "./env.ts";
import { packageDir } from "./paths.ts";
import type { Log } from "./progress.ts";
import { runHere } from "./run.ts";

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number().default(0),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
});

/** Tests and gates together, for the last line. */
interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Runs biome, the compiler and vitest in `projectDir` and prints `N passed, N failed` as the last line.
 * `filters` are passed to vitest. Resolves with 0 if at least one test ran and nothing failed, else 1.
 */
export async function check(projectDir: string, filters: readonly string[], log: Log): Promise<number> {
  const env = { ...process.env, ...environment(projectDir) };
  const options = { cwd: projectDir, env };
  const bin = join(packageDir, "node_modules", ".bin");
  const gates: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
    ["biome", "biome", ["check", "."]],
    ["types", "tsc", ["-p", "."]],
  ];
  const failedGates: string[] = [];
  for (const [name, command, args] of gates) {
    const code = await runHere(join(bin, command), args, options);
    log(`${name}: ${code === 0 ? "clean" : "FAILED"}`);
    if (code !== 0) failedGates.push(name);
  }
  if (filters.length === 0 || filters.some((filter) => filter.includes("dashboard"))) await browser(log);
  const file = join(projectDir, "build", "test-report.json");
  const leftFile = join(projectDir, "build", "left-processes.json");
  for (const old of [file, leftFile]) rmSync(old, { force: true });
  mkdirSync(dirname(file), { recursive: true });
  const vitest = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...filters];
  const code = await runHere(join(bin, "vitest"), vitest, {
    ...options,
    env: { ...env, FLEET_LEFT_PROCESSES: leftFile },
  });
  const tests = existsSync(file)
    ? countTests(readFileSync(file, "utf8"))
    : { passed: 0, failed: 0, skipped: 0 };
  const left = existsSync(leftFile) ? leftoverProcesses(readFileSync(leftFile, "utf8")) : [];
  for (const { pid, file: test, command } of left)
    log(`left running by ${test ?? "a test"}: ${pid} ${command}`);
  const { line, ok } = verdict(tests, failedGates, code, left.length);
  process.stdout.write(`\n${line}\n`);
  return ok ? 0 : 1;
}

/** Without a browser, the dashboard's tests fail and explain how to get one. */
async function browser(log: Log): Promise<void> {
  try {
    await ensureBrowser(log);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    log(error.message);
  }
}

/** Counts from vitest's JSON report. A file that failed to load has no tests: it counts as one failure. */
export function countTests(json: string): Count {
  const result = report.parse(JSON.parse(json));
  const broken = result.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  ).length;
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + broken,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

const leftReport = z.array(z.object({ pid: z.number(), command: z.string(), file: z.string().optional() }));

/** The processes that outlived the tests, as reported by the tests' set-up. */
export function leftoverProcesses(json: string): z.infer<typeof leftReport> {
  return leftReport.parse(JSON.parse(json));
}

/**
 * The last line of the output, which machines can parse. Each failed gate counts as one failure, and so does each
 * process that a test left running. A runner that failed without any failure (an unhandled error), or that ran no test, also
 * counts as one.
 */
export function verdict(
  tests: Count,
  failedGates: readonly string[],
  runnerCode: number,
  leftoverProcesses = 0,
): { line: string; ok: boolean } {
  let failed = tests.failed + failedGates.length + leftoverProcesses;
  if (tests.failed + leftoverProcesses === 0 && (runnerCode !== 0 || tests.passed === 0)) failed += 1;
  const skipped = tests.skipped > 0 ? `, ${tests.skipped} skipped` : "";
  return { line: `${tests.passed} passed, ${failed} failed${skipped}`, ok: failed === 0 };
}
