/**
 * Fails the run if one of its processes is left at the end: a daemon, a provider, a pulumi, a browser. They are found by a mark in the
 * environment, which every descendant inherits, whatever its name and its parent.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  allProcesses,
  argumentsOf,
  environmentOf,
  isAlive,
  kill,
  parentOf,
} from "../../src/core/processes.ts";

/** The run that a process belongs to. */
const RUN = "FLEET_TEST_RUN";
/** The test file that started the process: each file's worker sets it (`test/setup/file.ts`). */
export const FILE = "FLEET_TEST_FILE";
/** The file for the remaining processes as a JSON list, for `npm test`. Default: none. */
const REPORT = "FLEET_LEFT_PROCESSES";

/** Milliseconds in which a process that was asked to end may still do so: a provider looks for its engine twice a second. */
const GRACE = 5000;

/** A process that outlived the tests. */
export interface Left {
  readonly pid: number;
  readonly command: string;
  /** The test file, if known. */
  readonly file: string | undefined;
}

export default function setup(): () => Promise<void> {
  const run = randomUUID();
  process.env[RUN] = run;
  return async () => {
    const end = performance.now() + GRACE;
    let left = leftOf(run);
    while (left.length > 0 && performance.now() < end) {
      await sleep(100);
      left = leftOf(run);
    }
    const report = process.env[REPORT];
    if (report !== undefined) {
      mkdirSync(dirname(report), { recursive: true });
      writeFileSync(report, JSON.stringify(left));
    }
    if (left.length === 0) return;
    for (const { pid } of left) kill(pid);
    process.exitCode = 1;
    const lines = left.map(({ pid, command, file }) => `  ${pid}  ${file ?? "?"}  ${command}`);
    throw new Error(
      `${left.length} processes of the tests were left running, and were killed:\n${lines.join("\n")}`,
    );
  };
}

/** The run's processes besides vitest's own workers, which are children of vitest; what tests leave behind has another parent. */
function leftOf(run: string): Left[] {
  return allProcesses().flatMap((pid) => {
    if (pid === process.pid || parentOf(pid) === process.pid || !isAlive(pid)) return [];
    const environment = environmentOf(pid);
    if (!environment?.includes(`${RUN}=${run}`)) return [];
    const file = environment.find((entry) => entry.startsWith(`${FILE}=`))?.slice(FILE.length + 1);
    return [{ pid, command: argumentsOf(pid)?.join(" ") ?? "", file }];
  });
}
