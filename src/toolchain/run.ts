/** Runs child processes: reads their output by lines, and stops them when this process exits. */
import { spawn } from "node:child_process";
import { atExit } from "../core/at-exit.ts";
import type { Env } from "./paths.ts";

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment of the child. Default: `process.env`. */
  readonly env?: Env;
  /** Time limit in milliseconds, after which the child is killed. Default: none. */
  readonly timeoutMs?: number;
  /** Called with every line of stdout and stderr as it appears. */
  readonly onLine?: (line: string) => void;
}

export interface RunResult {
  /** Exit code; 127 if the command does not exist, -1 if it was killed. */
  readonly code: number;
  /** Standard output, trimmed. */
  readonly stdout: string;
  /** Standard output and error in the order of arrival, trimmed. */
  readonly output: string;
}

/** Runs a command to its end, without a shell and without a terminal. Never throws: a failure is an exit code. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...(options.env ?? process.env) },
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.timeoutMs === undefined
        ? {}
        : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
    });
    const drop = atExit(() => child.kill("SIGTERM"));
    const lines = splitter(options.onLine);
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
      lines(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      lines(text);
    });
    const done = (code: number) => {
      drop();
      resolve({ code, stdout: stdout.trim(), output: output.trim() });
    };
    child.on("error", (error) => {
      output += error.message;
      done(127);
    });
    child.on("close", (code) => done(code ?? -1));
  });
}

/** Runs a command on this terminal. Resolves with its exit code; 127 if it does not exist. */
export function runHere(command: string, args: readonly string[], options: RunOptions = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...(options.env ?? process.env) },
      stdio: "inherit",
    });
    const drop = atExit(() => child.kill("SIGTERM"));
    // The terminal also sends SIGINT to the child; this process waits until it exits.
    const wait = () => {};
    process.on("SIGINT", wait);
    const done = (code: number) => {
      drop();
      process.removeListener("SIGINT", wait);
      resolve(code);
    };
    child.on("error", () => done(127));
    child.on("close", (code) => done(code ?? 1));
  });
}

function splitter(onLine: ((line: string) => void) | undefined): (text: string) => void {
  if (!onLine) return () => {};
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line.trimEnd());
  };
}
