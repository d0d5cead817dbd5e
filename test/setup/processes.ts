/**
 * Fails the run when a process of its own is left at its end: a daemon, a provider, a pulumi, a browser. They are found by a mark in the
 * environment, which every descendant inherits whatever its name is and whoever its parent is by then.
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
/** The test file that it was started by: each file's worker sets it (`test/setup/file.ts`). */
export const FILE = "FLEET_TEST_FILE";
/** Where the left processes are written as a JSON list, for `npm test`. Default: nowhere. */
const REPORT = "FLEET_LEFT_PROCESSES";

/** Milliseconds in which a process may still end that was told to: a provider looks for its engine twice a second. */
const GRACE = 5000;

/** A process that outlived the tests. */
export interface Left {
  readonly pid: number;
  readonly command: string;
  /** The test file, where it is known. */
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

/** The run's processes besides vitest's own workers, which are its children; what tests leave has another parent. */
function leftOf(run: string): Left[] {
  return allProcesses().flatMap((pid) => {
    if (pid === process.pid || parentOf(pid) === process.pid || !isAlive(pid)) return [];
    const environment = environmentOf(pid);
    if (!environment?.includes(`${RUN}=${run}`)) return [];
    const file = environment.find((entry) => entry.startsWith(`${FILE}=`))?.slice(FILE.length + 1);
    return [{ pid, command: argumentsOf(pid)?.join(" ") ?? "", file }];
  });
}
